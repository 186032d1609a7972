"""Places for installations that a test makes and ends."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A data folder directly in the temporary folder.

    Not below `tmp_path`: as root the database server runs as a user of its own, and another run
    of pytest closes the folders above `tmp_path` to it at any moment.
    """
    folder = Path(tempfile.mkdtemp(prefix="pairwright-test-"))
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)
