"""Probes: inputs that should not fool a scorer, what it says of them, and what that makes of it. Plain code."""
