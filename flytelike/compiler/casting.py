"""Which values may flow into which inputs: Flyte's casting table.

downstream   accepts
NONE         NONE only
simple X     X; if the upstream has a union tag, the tags must be equal. No int to float
STRING       also enums;  enum: also STRING, and enums with the same values
STRUCT       STRUCT when a schema is missing, or the target's schema covers the source's
list, map    when the elements fit; an empty upstream (element NONE) always does
blob         a blob, formats equal or one empty
schema       a schema or structured dataset with at least its columns, or none stated
dataset      a dataset or schema with at least its columns, formats equal or one empty
union        from a union: each variant fits some variant; else exactly one variant fits
anything     what a union with one variant holds
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, assert_never

from flytelike.model.types import (
    BlobType,
    CollectionType,
    ColumnKind,
    EnumType,
    JsonText,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    UnionType,
)

COLUMN_TYPES: Mapping[ColumnKind, SimpleKind] = {
    ColumnKind.INTEGER: SimpleKind.INTEGER,
    ColumnKind.FLOAT: SimpleKind.FLOAT,
    ColumnKind.STRING: SimpleKind.STRING,
    ColumnKind.BOOLEAN: SimpleKind.BOOLEAN,
    ColumnKind.DATETIME: SimpleKind.DATETIME,
    ColumnKind.DURATION: SimpleKind.DURATION,
}


def castable(upstream: LiteralType, downstream: LiteralType) -> bool:
    """Tell whether a value of type `upstream` may be given where `downstream` is expected."""
    return upstream is downstream or _castable(upstream, downstream)


@lru_cache(maxsize=8192)
def _castable(up: LiteralType, down: LiteralType) -> bool:
    if isinstance(up.kind, UnionType) and len(up.kind.variants) == 1 and castable(up.kind.variants[0], down):
        return True
    match down.kind:
        case SimpleType():
            return _simple(up, down, down.kind)
        case EnumType(values):
            return up.kind == SimpleType(SimpleKind.STRING) or (
                isinstance(up.kind, EnumType) and up.kind.values == values
            )
        case CollectionType(element):
            return isinstance(up.kind, CollectionType) and _element(up.kind.element, element)
        case MapType(value):
            return isinstance(up.kind, MapType) and _element(up.kind.value, value)
        case BlobType(form):
            return isinstance(up.kind, BlobType) and _same_format(up.kind.format, form)
        case SchemaType() | StructuredDatasetType():
            return _table(up, down.kind)
        case UnionType(variants):
            if isinstance(up.kind, UnionType):
                return all(any(castable(one, other) for other in variants) for one in up.kind.variants)
            return sum(castable(up, variant) for variant in variants) == 1
        case _ as never:
            assert_never(never)


def _simple(up: LiteralType, down: LiteralType, kind: SimpleType) -> bool:
    if kind.simple is SimpleKind.STRING and isinstance(up.kind, EnumType):
        return True
    if up.kind != kind or not _same_tag(up, down):
        return False
    return kind.simple is not SimpleKind.STRUCT or schema_covers(down.metadata, up.metadata)


def _same_tag(up: LiteralType, down: LiteralType) -> bool:
    tag = up.structure.tag if up.structure else ""
    return not tag or tag == (down.structure.tag if down.structure else "")


def _element(up: LiteralType, down: LiteralType) -> bool:
    return up.kind == SimpleType(SimpleKind.NONE) or castable(up, down)


def _same_format(up: str, down: str) -> bool:
    return not up or not down or up.lower() == down.lower()


def _table(up: LiteralType, down: SchemaType | StructuredDatasetType) -> bool:
    if isinstance(up.kind, SimpleType):
        return up.kind.simple is SimpleKind.NONE and isinstance(down, StructuredDatasetType)
    if not isinstance(up.kind, SchemaType | StructuredDatasetType):
        return False
    if not _same_format(_format(up.kind), _format(down)):
        return False
    have, want = _columns(up.kind), _columns(down)
    return not have or not want or all(name in have and castable(have[name], kind) for name, kind in want.items())


def _format(kind: SchemaType | StructuredDatasetType) -> str:
    return kind.format if isinstance(kind, StructuredDatasetType) else "parquet"


def _columns(kind: SchemaType | StructuredDatasetType) -> dict[str, LiteralType]:
    if isinstance(kind, StructuredDatasetType):
        return dict(kind.columns)
    return {name: LiteralType(SimpleType(COLUMN_TYPES[column])) for name, column in kind.columns}


def schema_covers(target: JsonText, source: JsonText) -> bool:
    """Tell whether each document of schema `source` is one of `target`; an absent schema covers all."""
    if not target or not source or target == source:
        return True
    return _covers(json.loads(target), json.loads(source))


def _covers(target: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    if "anyOf" in source:
        return all(_covers(target, option) for option in source["anyOf"])
    if "anyOf" in target:
        return any(_covers(option, source) for option in target["anyOf"])
    if "enum" in target:
        return "enum" in source and set(source["enum"]) <= set(target["enum"])
    kinds = (target.get("type"), source.get("type"))
    if kinds == ("number", "integer"):
        return True
    if None not in kinds and kinds[0] != kinds[1]:
        return False
    match kinds[0]:
        case "object":
            return _covers_object(target, source)
        case "array":
            return _covers(target.get("items", {}), source.get("items", {}))
        case _:
            return True


def _covers_object(target: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    want, have = target.get("properties", {}), source.get("properties", {})
    if any(name not in have for name in target.get("required", ())):
        return False
    if target.get("additionalProperties") is False and any(name not in want for name in have):
        return False
    other = target.get("additionalProperties")
    mine = source.get("additionalProperties")
    if isinstance(other, dict) and isinstance(mine, dict) and not _covers(other, mine):
        return False
    return all(_covers(want[name], found) for name, found in have.items() if name in want)
