"""Dataclasses as records."""

import dataclasses

from flytelike.types.records.annotations import annotations_of, class_of
from flytelike.types.records.record import NO_DEFAULT, Record, RecordField
from flytelike.types.transformer import Hint


def is_dataclass(hint: Hint) -> bool:
    """Tell whether an annotation is a dataclass, or a generic one with its arguments."""
    cls = class_of(hint)
    return isinstance(cls, type) and dataclasses.is_dataclass(cls)


def dataclass_record(hint: Hint) -> Record:
    """Return a dataclass's init fields; what `__init__` does not take is made by it."""
    cls = class_of(hint)
    hints = annotations_of(hint)
    fields = {field.name: _field(field, hints[field.name]) for field in dataclasses.fields(cls) if field.init}
    return Record(
        title=cls.__name__,
        tag="Object-Dataclass-Transformer",
        fields=fields,
        holds=lambda value: isinstance(value, cls),
        values=lambda value: {name: getattr(value, name) for name in fields},
        build=lambda values: cls(**values),
    )


def _field(field: "dataclasses.Field[object]", hint: Hint) -> RecordField:
    if field.default is not dataclasses.MISSING:
        return RecordField(hint, required=False, default=field.default)
    return RecordField(hint, required=field.default_factory is dataclasses.MISSING, default=NO_DEFAULT)
