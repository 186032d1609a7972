"""Synthetic negatives: answers made worse on purpose, so that what is wrong and where is known. Plain code."""
