"""`SQLite3Task`: a query of an SQLite database as a task."""

from flytelike.extras.sqlite3.task import SQLite3Config, SQLite3Task

__all__ = ["SQLite3Config", "SQLite3Task"]
