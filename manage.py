#!/usr/bin/env python
"""Django's command line for Pairwright: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line

        from config.env import SettingError
    except ImportError as error:
        raise SystemExit(
            "Django is not installed in this Python. Run `make setup` once, then use `.venv/bin/python manage.py ...`."
        ) from error
    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        raise SystemExit(f"A setting is wrong. {error}") from None


if __name__ == "__main__":
    main()
