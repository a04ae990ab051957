"""Records: classes whose values are named fields, however their author wrote them.

`record_of(hint)` tells what a record has and how to take it apart and build it. There are dataclasses (generic
and inherited ones too), attrs classes and TypedDicts; pydantic's models have a transformer of their own.
"""

from functools import lru_cache

from flytelike.types.records.attrs_class import attrs_record, is_attrs_class
from flytelike.types.records.dataclass import dataclass_record, is_dataclass
from flytelike.types.records.record import NO_DEFAULT, Record, RecordField
from flytelike.types.records.typed_dict import is_typed_dict, typed_dict_record
from flytelike.types.transformer import Hint

__all__ = ["NO_DEFAULT", "Record", "RecordField", "is_record", "record_of"]


def is_record(hint: Hint) -> bool:
    """Tell whether an annotation is a record; its fields are not looked at."""
    return is_dataclass(hint) or is_typed_dict(hint) or is_attrs_class(hint)


@lru_cache(maxsize=4096)
def record_of(hint: Hint) -> Record | None:
    """Return what there is to know of a record, None for other annotations.

    Raises:
        TypeFault: a field's annotation names what its module does not have, or leaves a type variable open.
    """
    if is_dataclass(hint):
        return dataclass_record(hint)
    if is_typed_dict(hint):
        return typed_dict_record(hint)
    return attrs_record(hint) if is_attrs_class(hint) else None
