"""The steps of a recipe, in the order they run: evidence, candidates, filters, pairs, caps, splits."""
