"""Recipes to start from, one a file; a project's own criteria take the place of theirs."""
