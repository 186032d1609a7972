"""Light scorers fitted on a project's own labels: the mathematics, and what is kept of one. Plain code."""
