"""Which code made a version: the release, and a digest of the files that turn evidence into pairs."""

import hashlib
from functools import cache
from pathlib import Path

RELEASE = "0.1.0"

_HERE = Path(__file__).parent


@cache
def code_version() -> str:
    """The release with the first twelve characters of a digest, such as `0.1.0+recipes.1a2b3c4d5e6f`.

    The digest covers the source of `recipes/`, `pairing/` and `splitting.py`: where it is the same, the same
    evidence gives the same pairs.
    """
    sha = hashlib.sha256()
    for path in sorted([*_HERE.glob("recipes/**/*.py"), *_HERE.glob("pairing/*.py"), _HERE / "splitting.py"]):
        sha.update(path.relative_to(_HERE).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{RELEASE}+recipes.{sha.hexdigest()[:12]}"
