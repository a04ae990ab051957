"""Files, folders and tables as fields of pydantic models.

pydantic asks a class how it is checked and written. On the way in and out of a task, the context that pydantic hands
on is `StoredFields`, and the field's content is stored or fetched; elsewhere only its path or uri is written.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from flytelike.types.context import ValueContext
from flytelike.types.faults import TypeFault
from flytelike.types.transformer import Hint


class Converter(Protocol):
    """Both ways between values and plain data (see `Documents`)."""

    def plain(self, value: Any, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the plain data of a value."""

    def value(self, plain: Any, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - any value
        """Return the value of plain data."""


@dataclass(frozen=True, slots=True)
class StoredFields:
    """The context in which models are taken apart and built for a task."""

    converter: Converter
    ctx: ValueContext


def core_schema(cls: type, key: str) -> Any:  # noqa: ANN401 - pydantic's CoreSchema
    """Return how pydantic checks and writes a class; `key` is where documents keep the path or uri."""
    from pydantic_core import core_schema as core  # noqa: PLC0415 - pydantic calls this

    def check(value: Any, info: Any) -> Any:  # noqa: ANN401
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(**{key: value})
        if not isinstance(value, dict) or not isinstance(value.get(key), str):
            raise ValueError(f"expected a {cls.__name__}, its path or uri")  # noqa: TRY004 - what pydantic takes
        if not isinstance(info.context, StoredFields):
            return cls(**{key: value[key]})
        try:
            return info.context.converter.value(value, cls, info.context.ctx)
        except TypeFault as fault:
            raise ValueError(str(fault)) from None

    def write(value: Any, info: Any) -> Any:  # noqa: ANN401
        if isinstance(info.context, StoredFields):
            return info.context.converter.plain(value, cls, info.context.ctx)
        return value if info.mode == "python" else {key: str(getattr(value, key))}

    return core.with_info_plain_validator_function(
        check, serialization=core.plain_serializer_function_ser_schema(write, info_arg=True)
    )
