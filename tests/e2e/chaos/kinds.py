"""Tasks that are no plain functions; apart from the others, since loading pandas takes a while."""

from pathlib import Path

import pandas as pd

from flytelike import kwtypes, task, workflow
from flytelike.extras.sqlite3 import SQLite3Config, SQLite3Task
from flytelike.extras.tasks.shell import OutputLocation, ShellTask
from flytelike.types.file import FlyteFile

in_shell = ShellTask(
    name="in_shell",
    script="printf %s {inputs.text} > {outputs.file}",
    inputs=kwtypes(text=str),
    output_locs=[OutputLocation("file", FlyteFile, "out.txt")],
)

in_sqlite = SQLite3Task("in_sqlite", "select {{.inputs.n}} as n", kwtypes(n=int), SQLite3Config(":memory:"))


@task
def described(file: FlyteFile, rows: pd.DataFrame) -> str:
    return f"{Path(file).read_text()}, {rows.n[0]}"


@workflow
def kinds(number: int) -> str:
    return described(file=in_shell(text="from a shell"), rows=in_sqlite(n=number))
