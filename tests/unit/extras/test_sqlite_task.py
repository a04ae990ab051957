"""Queries as tasks: values are bound, never written into the query."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flytelike import kwtypes
from flytelike.extras.sqlite3 import SQLite3Config, SQLite3Task

NASTY = "b'; drop table t; --"


@pytest.fixture
def database(tmp_path: Path) -> SQLite3Config:
    path = tmp_path / "data.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n integer, name text)")
        connection.executemany("insert into t values (?, ?)", [(1, "a"), (2, NASTY), (3, "c")])
    return SQLite3Config(str(path))


@pytest.mark.parametrize("place", ["{{.inputs.name}}", "'{{ .inputs.name }}'", '"{{ .inputs.name }}"'])
def test_a_value_is_bound_whatever_it_holds(database: SQLite3Config, place: str) -> None:
    query = f"select n from t where name = {place}"
    rows = SQLite3Task("q", query, kwtypes(name=str), database)(name=NASTY)
    assert rows["n"].tolist() == [2]


def test_the_database_is_only_read(database: SQLite3Config) -> None:
    task = SQLite3Task("q", "delete from t where n > {{.inputs.n}}", kwtypes(n=int), database)
    with pytest.raises(Exception, match="readonly"):
        task(n=0)
    assert len(SQLite3Task("all", "select * from t", None, database)()) == 3
