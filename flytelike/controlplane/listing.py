"""What a list request asks for: Flyte's filter language, sorting and paging tokens, parsed.

A filter is `op(field,value)`, several are joined by `+` and all must hold. `value_in` and
`value_not_in` take values separated by `;`. A field may carry an entity prefix (`task.name`).
"""

import re
from dataclasses import dataclass
from enum import Enum

from flytelike.controlplane.errors import Faults, invalid
from flytelike_idl.admin import common_pb2

DEFAULT_ROWS = 100
FILTERS_MAX = 50
VALUES_MAX = 1_000

_ONE = re.compile(r"\s*(?P<op>[a-z_]+)\(\s*(?P<field>[A-Za-z0-9_.]+)\s*,(?P<value>.*)\)\s*\Z", re.DOTALL)
# A plus sign separates filters only behind a closing and before an opening parenthesis.
_BETWEEN = re.compile(r"(?<=\))\s*\+(?=\s*[a-z_]+\()")


class Operator(Enum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    NOT_LIKE = "not_like"
    VALUE_IN = "value_in"
    VALUE_NOT_IN = "value_not_in"


_OPERATORS = {operator.value: operator for operator in Operator}
_MANY = frozenset({Operator.VALUE_IN, Operator.VALUE_NOT_IN})


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; `values` has one item except for the operators on sets."""

    operator: Operator
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A page of a list: which rows, in which order, from where on. An empty `sort_key` is the list's own order."""

    filters: tuple[Filter, ...] = ()
    sort_key: str = ""
    ascending: bool = False
    limit: int = DEFAULT_ROWS
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The parts that all of Flyte's list messages have."""

    limit: int
    token: str
    filters: str
    sort_by: common_pb2.Sort


def parse_query(request: ListRequest, rows_max: int) -> ListQuery:
    """Return what the request asks for.

    A limit of 0 means 100 rows, and no page has more than `rows_max`. Raises `Refusal` naming everything
    that cannot be understood.
    """
    faults = Faults()
    filters = parse_filters(request.filters, faults)
    if not (request.token == "" or (request.token.isascii() and request.token.isdigit() and len(request.token) < 16)):
        faults.add("invalid-token", f"{request.token[:40]!r} is no page token", "pass the token of the page before")
    faults.check()
    return ListQuery(
        filters,
        request.sort_by.key,
        request.sort_by.direction == common_pb2.Sort.ASCENDING,
        min(request.limit or DEFAULT_ROWS, rows_max),
        int(request.token or 0),
    )


def next_token(query: ListQuery, found: int) -> str:
    """Return the token of the page that follows one with `found` rows; empty when that was the last."""
    return str(query.offset + found) if found == query.limit else ""


def parse_filters(text: str, faults: Faults) -> tuple[Filter, ...]:
    """Return the filters of a request, noting those that cannot be understood."""
    if not text.strip():
        return ()
    parts = _BETWEEN.split(text)
    if len(parts) > FILTERS_MAX:
        raise invalid("too-many-filters", f"{len(parts)} filters were given; at most {FILTERS_MAX} are allowed")
    return tuple(parsed for part in parts if (parsed := _filter(part, faults)) is not None)


def _filter(text: str, faults: Faults) -> Filter | None:
    match = _ONE.match(text)
    operator = _OPERATORS.get(match["op"]) if match else None
    if match is None or operator is None:
        faults.add(
            "invalid-filter",
            f"{text.strip()[:80]!r} is no filter",
            f"write op(field,value), with one of {', '.join(_OPERATORS)}; join several with +",
        )
        return None
    values = tuple(match["value"].split(";")) if operator in _MANY else (match["value"],)
    if len(values) > VALUES_MAX:
        faults.add("too-many-values", f"a filter has {len(values)} values; at most {VALUES_MAX} are allowed")
        return None
    return Filter(operator, match["field"], tuple(value.strip() for value in values))
