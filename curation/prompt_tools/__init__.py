"""Tools on prompts that feed recipes: lists of constraints, contrast prompts, rewrites, and a taxonomy of tags."""
