"""Recipes: from a YAML text and frames of evidence to pairs and a funnel. Plain code, no database."""
