"""One time for all servers of a database: that of the database, kept up by asking now and then."""

import time
from collections.abc import Callable

from sqlalchemy import Connection, text


class DatabaseClock:
    """This machine's clock, put right by the database's. Leases and expiries then mean the same to all servers."""

    def __init__(self, local: Callable[[], int] = time.time_ns) -> None:
        """Begin as the machine's clock; `local` gives nanoseconds since 1970."""
        self._local = local
        self._ahead_ns = 0

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return self._local() + self._ahead_ns

    def ask(self, connection: Connection) -> None:
        """Look how far the database's clock is ahead; SQLite has none of its own."""
        if connection.dialect.name == "sqlite":
            return
        began = self._local()
        told = connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")).scalar()
        if told is not None:
            # It answered somewhere between asking and hearing.
            self._ahead_ns = int(told) * 1000 - (began + self._local()) // 2
