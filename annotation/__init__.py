"""People: batches, slots, leases, and the pages people judge on.

Imports `curation`, never `scoring`. What people say is stored by `curation.actions`; this room
decides who is asked what, in which order, and shows it to them.
"""
