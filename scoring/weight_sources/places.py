"""Where fetched weights lie on this machine, and the keys of the bucket they may come from. Plain code."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class BucketKeys:
    """How a bucket is reached; what is None is left to boto3, which asks the environment and the machine."""

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


class Places:
    """Set once when the application starts; without it weights lie in the user's cache and boto3 finds the keys.

    Attributes:
        cache: a folder whose content may be deleted at any time, and is then fetched again.
        keys: of the buckets that sources of the form `s3://bucket/prefix` name.
        endpoints: the file of addresses that models answer at (`scoring/judges/endpoints.py`); None for none.
        wordings: the folder of wordings that models were trained on; None for none.
    """

    def __init__(self) -> None:
        self.cache = Path(platformdirs.user_cache_dir("pairwright")) / "weights"
        self.keys = BucketKeys()
        self.endpoints: Path | None = None
        self.wordings: Path | None = None


here = Places()
