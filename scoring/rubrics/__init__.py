"""Checklists induced from people's pairs: which questions tell the preferred samples apart. Plain code."""
