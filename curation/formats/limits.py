"""How much of an untrusted file a reader is willing to hold at once."""

from __future__ import annotations

from dataclasses import dataclass

MEBI = 1 << 20

# One JSON line, one element of a JSON list, one CSV field: prompts are short, and pictures do not travel in text.
RECORD_BYTES = 8 * MEBI
# Names that end up in columns of the database.
KEY_LENGTH = 200
NAME_LENGTH = 200
MEDIA_NAME_LENGTH = 500
# One picture or video inside a Parquet column or a tar member that is read into memory.
MEMBER_BYTES = 512 * MEBI
# Media of one sample, and pictures in one role of a prompt.
MEDIA_COUNT = 256


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may unpack to.

    Attributes:
        entries: files in it, folders included.
        total_bytes: all files together, counted while they are written, whatever the headers claim.
        entry_bytes: one file.
        ratio: unpacked over packed bytes of the whole archive. Text packs 20 to 1, pictures 1 to 1, bombs 1,000 to 1.
        ratio_after_bytes: the ratio is not asked before this many bytes, since a tiny file of zeros is no bomb.
    """

    entries: int = 500_000
    total_bytes: int = 200 * 1024 * MEBI
    entry_bytes: int = 8 * 1024 * MEBI
    ratio: int = 150
    ratio_after_bytes: int = 32 * MEBI
