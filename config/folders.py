"""Where data lives: never inside the checkout, so that no clean-up there can delete votes."""

import os
import sys
from pathlib import Path

import platformdirs

from config import env


def default(purpose: str = "") -> Path:
    """The data folder of this user, for the installation or for a named purpose.

    Root's is `/var/lib/pairwright`; other users' is the folder their system keeps for data. A
    purpose such as `demo` gets a sibling folder of its own.
    """
    name = f"pairwright-{purpose}" if purpose else "pairwright"
    if os.geteuid() == 0:
        return Path("/var/lib") / name
    return Path(platformdirs.user_data_dir(name))


def data() -> Path:
    """The data folder in force: `PAIRWRIGHT_DATA` or the default; refused inside the checkout."""
    path = env.folder("PAIRWRIGHT_DATA", default()).resolve()
    if path == env.CHECKOUT or env.CHECKOUT in path.parents:
        raise env.SettingError(
            f"PAIRWRIGHT_DATA is {str(path)!r}, inside the checkout {str(env.CHECKOUT)!r}. "
            "Name a folder outside it, so that cleaning the checkout never deletes votes."
        )
    return path


def make_private(path: Path) -> Path:
    """Create a folder that only its owner may enter; an existing one is left as it is."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


if __name__ == "__main__":
    # The Makefile asks where the demonstration keeps its data.
    print(default(sys.argv[1] if len(sys.argv) > 1 else ""))
