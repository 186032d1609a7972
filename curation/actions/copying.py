"""Many new rows at once, by COPY: a third of the time of an INSERT through the ORM, which spells out each value."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper


def insert(rows: Sequence[models.Model]) -> None:
    """Writes new rows of one model and gives them their ids. Costs two statements; signals are not sent.

    Whatever the rows refer to must be written already. Defaults and times are those that `save` would give.

    Raises:
        IntegrityError: a row is against a rule of the database; none is written.
    """
    if not rows:
        return
    model = type(rows[0])
    # The connection itself: `django.db.connection` looks it up again for each value.
    connection = connections[DEFAULT_DB_ALIAS]
    for row, key in zip(rows, _new_ids(connection, model, len(rows)), strict=True):
        row.pk = key
    fields = model._meta.concrete_fields
    command = _command(connection, model)
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row([field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields])
    for row in rows:
        row._state.adding = False
        row._state.db = connection.alias


def _command(connection: BaseDatabaseWrapper, model: type[models.Model]) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in model._meta.concrete_fields)
    return f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"


def _new_ids(connection: BaseDatabaseWrapper, model: type[models.Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [model._meta.db_table, model._meta.pk.column, count],
        )
        return [key for (key,) in cursor.fetchall()]
