"""Judges at work: adding them, starting and planning their jobs, asking within a budget, writing down what they say."""
