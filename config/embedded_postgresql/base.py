"""The database wrapper that Django loads by the name of its folder.

The server is started when something first connects, not when settings are read: commands that
need no database start none.
"""

from typing import Any

from django.db.backends.postgresql import base

from config import embedded


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL at whatever socket the embedded server has now."""

    def get_connection_params(self) -> dict[str, Any]:
        address = embedded.postgres()
        self.settings_dict["HOST"] = str(address.socket_folder)
        self.settings_dict["PORT"] = str(address.port)
        return super().get_connection_params()
