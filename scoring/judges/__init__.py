"""Judges: models that are asked in words. Templates, questions, answers and backends; plain code."""
