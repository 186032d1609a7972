"""Untrusted files in, trusted pictures and videos out. Plain code: no Django, no database, no storage.

`ingestion.ingest` does everything for one file, `ingestion.inspect` reads its header only. What is accepted, the
recipe of the rendition and the limits are described in `docs/media.md`. This file imports nothing, so that the
settings may read `limits` without loading decoders.
"""
