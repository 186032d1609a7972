"""Structured logs."""

import json
import os
import subprocess
import sys

from config import env

_CODE = """
import django; django.setup()
import logging, structlog
structlog.contextvars.bind_contextvars(job=7)
structlog.get_logger("ours").info("scored", samples=3)
logging.getLogger("a.library").warning("slow %s", "disk", extra={"seconds": 2})
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("failed")
"""


def test_every_line_is_one_json_object_with_what_was_bound():
    said = subprocess.run(
        [sys.executable, "-c", _CODE],
        cwd=env.CHECKOUT,
        env={**os.environ, "PAIRWRIGHT_LOG_LEVEL": "INFO"},
        capture_output=True,
        text=True,
        check=True,
    )

    ours, library, failure = map(json.loads, said.stderr.strip().splitlines())
    assert (ours["event"], ours["job"], ours["samples"], ours["level"]) == ("scored", 7, 3, "info")
    assert (library["event"], library["job"], library["seconds"]) == ("slow disk", 7, 2)
    assert "ZeroDivisionError" in failure["exception"]
    assert said.stdout == ""
