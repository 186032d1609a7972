"""The Hub: one folder of ours as one commit with a tag, and a repository of the same layout read back. Plain code.

Nothing here knows the database. `pushing.push` sends, `difference.compare` says what it would send, `fetching.fetch`
brings a repository here. docs/publishing.md tells what is promised.
"""
