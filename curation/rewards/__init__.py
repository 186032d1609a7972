"""Rewards: raw scores transformed, several of them made one total, several raters made one. Plain code."""
