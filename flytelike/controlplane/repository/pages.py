"""List queries as SQL: filters, order and pages over a fixed set of named fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

from sqlalchemy import ColumnElement, Select, not_

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.listing import Filter, ListQuery, Operator

S = TypeVar("S", bound=Select[Any])  # what the rows hold does not matter here

Value = str | int
Parse = Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that clients may filter and sort by: its column and how its values are written."""

    column: ColumnElement[str] | ColumnElement[int]
    parse: Parse = str


Fields = Mapping[str, Field]


def instant(text: str) -> int:
    """Return the nanoseconds since 1970 of an RFC 3339 instant; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000


def duration(text: str) -> int:
    """Return the nanoseconds of a number of seconds."""
    return int(float(text) * 1_000_000_000)


def member(members: Mapping[str, int]) -> Parse:
    """Return a parser for an enum: its names, with or without their prefix, or its numbers."""

    def parse(text: str) -> int:
        if text.isdigit():
            return int(text)
        return members[text.upper()]

    return parse


def paged(select: S, fields: Fields, query: ListQuery, default: str, tie: tuple[ColumnElement[Any], ...]) -> S:
    """Return `select` narrowed to the page that `query` asks for.

    Args:
        select: the rows there are.
        fields: what may be named in filters and as sort key.
        query: the page.
        default: the field that orders rows when no sort key is given.
        tie: columns that make the order complete, so that pages never overlap.

    Raises:
        Refusal: naming every field and value that cannot be used.
    """
    faults = Faults()
    conditions = where(query.filters, fields, faults)
    key = named(query.sort_key or default, fields)
    if key is None:
        faults.add("unknown-field", f"the list cannot be sorted by {query.sort_key!r}", _choices(fields))
    faults.check()
    assert key is not None
    order = [column.asc() if query.ascending else column.desc() for column in (key.column, *tie)]
    return select.where(*conditions).order_by(*order).limit(query.limit).offset(query.offset)


def where(filters: Iterable[Filter], fields: Fields, faults: Faults) -> list[ColumnElement[bool]]:
    """Return filters as conditions, noting those that cannot be used."""
    return [condition for item in filters if (condition := _condition(item, fields, faults)) is not None]


def named(name: str, fields: Fields) -> Field | None:
    """Return the field that a client names; None when there is none.

    A prefix names the entity that has the field: `workflow.name` is an execution's workflow's. For
    the list's own entity it says nothing, so that `task.name` is the `name` in a list of tasks.
    """
    return fields.get(name.replace(".", "_"), fields.get(name.rpartition(".")[2]))


def _condition(item: Filter, fields: Fields, faults: Faults) -> ColumnElement[bool] | None:
    field = named(item.field, fields)
    if field is None:
        faults.add("unknown-field", f"the list has no field {item.field!r}", _choices(fields))
        return None
    if item.operator in {Operator.CONTAINS, Operator.NOT_LIKE}:
        like = field.column.contains(item.values[0], autoescape=True)
        return like if item.operator is Operator.CONTAINS else not_(like)
    try:
        values = [field.parse(value) for value in item.values]
    except (ValueError, KeyError, OverflowError):
        faults.add("invalid-filter", f"{', '.join(item.values)[:80]!r} is no value of the field {item.field}")
        return None
    return _comparison(item.operator, field.column, values)


def _comparison(
    operator: Operator, column: ColumnElement[str] | ColumnElement[int], values: list[Value]
) -> ColumnElement[bool]:
    first = values[0]
    match operator:
        case Operator.EQ:
            return column == first
        case Operator.NE:
            return column != first
        case Operator.GT:
            return column > first
        case Operator.GTE:
            return column >= first
        case Operator.LT:
            return column < first
        case Operator.LTE:
            return column <= first
        case Operator.VALUE_IN:
            return column.in_(values)
        case Operator.VALUE_NOT_IN:
            return column.not_in(values)
        case Operator.CONTAINS | Operator.NOT_LIKE:
            raise AssertionError("handled before values are parsed")
        case _:
            assert_never(operator)


def _choices(fields: Fields) -> str:
    return f"choose from {', '.join(sorted(fields))}"
