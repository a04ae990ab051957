"""Classes made by attrs as records; attrs itself is not imported."""

import sys
from typing import Any

from flytelike.types.records.annotations import annotations_of, class_of
from flytelike.types.records.record import Record, RecordField
from flytelike.types.transformer import Hint


def is_attrs_class(hint: Hint) -> bool:
    """Tell whether an annotation is a class made by attrs."""
    cls = class_of(hint)
    return isinstance(cls, type) and "__attrs_attrs__" in vars(cls)


def attrs_record(hint: Hint) -> Record:
    """Return the attributes that `__init__` takes; those without an annotation may hold anything."""
    cls = class_of(hint)
    hints = annotations_of(hint)
    attributes = {found.name: found for found in cls.__attrs_attrs__ if found.init}
    fields = {name: _field(found, hints.get(name, object)) for name, found in attributes.items()}
    return Record(
        title=cls.__name__,
        tag="Attrs",
        fields=fields,
        holds=lambda value: isinstance(value, cls),
        values=lambda value: {name: getattr(value, name) for name in fields},
        # `_secret` is given to `__init__` as `secret`.
        build=lambda values: cls(**{attributes[name].alias: value for name, value in values.items()}),
    )


def _field(attribute: Any, hint: Hint) -> RecordField:  # noqa: ANN401 - an `attr.Attribute`
    attr = sys.modules["attr"]
    if attribute.default is attr.NOTHING:
        return RecordField(hint)
    if isinstance(attribute.default, attr.Factory):
        return RecordField(hint, required=False)
    return RecordField(hint, required=False, default=attribute.default)
