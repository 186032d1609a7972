"""Scoring as a service: calls wait in lines, share batches and are answered over HTTP. Plain code."""
