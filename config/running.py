"""At most one `up` in a data folder, and a way for other commands to see it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "up.lock"


class AlreadyRunningError(Exception):
    """Another `up` serves this data folder."""


@contextmanager
def the_only_one(data: Path) -> Iterator[None]:
    """Hold the lock of the data folder; it ends with the process, however that ends.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    with (data / _LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip()
            raise AlreadyRunningError(
                f"`up` already runs in {data} (process {holder}). Stop it first: kill {holder}"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_up(data: Path) -> bool:
    """Whether an `up` runs in this data folder."""
    if not (data / _LOCK).exists():
        return False
    try:
        with the_only_one(data):
            return False
    except AlreadyRunningError:
        return True
