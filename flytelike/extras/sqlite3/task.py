"""A query of an SQLite database as a task; an example of a kind of tasks of one's own, too."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from typing_extensions import Unpack, override

from flytelike.sdk.custom_task import Interface, PythonInstanceTask
from flytelike.sdk.metadata import TaskMetadata
from flytelike.sdk.signature import Hint
from flytelike.sdk.task_options import TaskOptions
from flytelike.types.file import FlyteFile

_PLACE = re.compile(r"(?P<quote>['\"]?)\{\{\s*\.inputs\.(?P<name>\w+)\s*\}\}(?P=quote)")


@dataclass(frozen=True, slots=True)
class SQLite3Config:
    """Which database a task queries.

    Attributes:
        uri: A file of this machine, or one that can be fetched. It is only read.
    """

    uri: str


class SQLite3Task(PythonInstanceTask[SQLite3Config]):
    """A query whose rows are a pandas frame, the output `results`.

    `{{ .inputs.x }}` in the query stands for an input's value. It is bound, never written into the query: no value can
    become a part of it.
    """

    def __init__(
        self,
        name: str,
        query_template: str,
        inputs: Mapping[str, Hint] | None = None,
        task_config: SQLite3Config | None = None,
        metadata: TaskMetadata | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        """Make a task.

        Args:
            name: What it is registered as.
            query_template: The query.
            inputs: Types by name: `kwtypes(limit=int)`.
            task_config: Which database.
            metadata: Policies; options of the same names come before it.
            **options: See `TaskOptions`.
        """
        if task_config is None:
            raise TypeError("SQLite3Task needs `task_config=SQLite3Config(uri=...)`")
        import pandas as pd  # noqa: PLC0415 - only for those who make such a task

        interface = Interface(inputs or {}, {"results": pd.DataFrame})
        super().__init__(name, task_config, "sqlite3", interface, metadata, **options)
        self.query_template = query_template

    @property
    def query(self) -> str:
        """The query as SQLite reads it, with a parameter for each place."""
        return _PLACE.sub(lambda found: f":{found['name']}", self.query_template)

    @override
    def execute(self, **kwargs: Any) -> Any:
        """Query the database; return the rows."""
        import pandas as pd  # noqa: PLC0415 - as above

        path = FlyteFile(self.task_config.uri).download()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return pd.read_sql_query(self.query, connection, params=kwargs)
