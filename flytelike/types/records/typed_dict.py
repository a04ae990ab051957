"""TypedDicts as records: plain dicts whose keys are known."""

import typing
from collections.abc import Mapping
from typing import Any

import typing_extensions

from flytelike.types.annotated import origin_of
from flytelike.types.records.annotations import annotations_of, class_of
from flytelike.types.records.record import Record, RecordField
from flytelike.types.transformer import Hint

QUALIFIERS: set[object] = {
    typing.Required,
    typing.NotRequired,
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.ReadOnly,
}


def is_typed_dict(hint: Hint) -> bool:
    """Tell whether an annotation is a TypedDict, or a generic one with its arguments."""
    return typing_extensions.is_typeddict(class_of(hint))


def typed_dict_record(hint: Hint) -> Record:
    """Return a TypedDict's keys."""
    cls = class_of(hint)
    fields = {
        name: RecordField(unqualified(inner), required=name in cls.__required_keys__)
        for name, inner in annotations_of(hint).items()
    }

    def build(values: Mapping[str, Any]) -> dict[str, Any]:
        missing = [name for name, field in fields.items() if field.required and name not in values]
        if missing:
            raise ValueError(f"missing keys {', '.join(map(repr, missing))}")
        return dict(values)

    return Record(
        title=cls.__name__,
        tag="TypedDict",
        fields=fields,
        holds=lambda value: isinstance(value, dict),
        values=lambda value: value,
        build=build,
    )


def unqualified(hint: Hint) -> Hint:
    """Return a key's annotation without `Required`, `NotRequired` and `ReadOnly`."""
    while origin_of(hint) in QUALIFIERS:
        (hint,) = typing.get_args(hint)
    return hint
