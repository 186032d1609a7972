"""Runs of the probes: which originals, the job, what was said, what it comes to, and the word on it."""
