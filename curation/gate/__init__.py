"""The gate: what of a version should be known, or mended, before it leaves the house. Plain code over tables."""
