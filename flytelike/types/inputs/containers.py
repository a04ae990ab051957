"""Fields of what holds other values: lists, dicts, objects, and documents of which nothing is said."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.exceptions import ValidationError
from typing_extensions import override

from flytelike.types.inputs.faults import Fault, Index, whole, wrong
from flytelike.types.inputs.fields import UINT64_MAX, Choice, Classes, Strict, flat
from flytelike.types.inputs.limits import NO_LIMITS, Limits
from flytelike.types.primitives import INT64_MAX


class Items(Strict, fields.List[Any]):
    """A list of one type."""

    takes: ClassVar[Classes] = (list,)

    @override
    def __str__(self) -> str:
        return ("list" if isinstance(self.inner, Free) else f"list[{self.inner}]") + self.limits.words

    @override
    def is_meant(self, value: object) -> bool:
        return isinstance(value, list)


class Places(Strict, fields.Tuple):
    """A list with a type for each of its places."""

    takes: ClassVar[Classes] = (list,)

    @override
    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.tuple_fields))}]"

    @override
    def is_meant(self, value: object) -> bool:
        return isinstance(value, list) and len(value) == len(self.tuple_fields)


class Entries(Strict, fields.Dict):
    """Keys of one type to values of one type."""

    takes: ClassVar[Classes] = (dict,)
    title = ""

    @override
    def __str__(self) -> str:
        keys = "str" if isinstance(self.key_field, Free) else str(self.key_field)
        free = isinstance(self.value_field, Free) and keys == "str"
        return (self.title or ("dict" if free else f"dict[{keys}, {self.value_field}]")) + self.limits.words

    @override
    def is_meant(self, value: object) -> bool:
        return isinstance(value, dict)

    @override
    def read(self, value: dict[Any, Any]) -> dict[Any, Any]:
        try:
            found: dict[Any, Any] = super().read(value)
        except ValidationError as error:
            entries: Any = error.messages  # by key, and there by "key" and "value"
            faults = [fault for key, parts in entries.items() for fault in self.faults(key, parts)]
            raise ValidationError(faults) from None
        return found

    def faults(self, key: object, parts: Mapping[str, Any]) -> list[Fault]:
        """Return the faults of a key and of its value."""
        keys = [Fault(lambda: f"expected {self.key_field} as the key, got {key!r}")] if "key" in parts else []
        return [fault.below(key) for fault in [*keys, *flat(parts.get("value", []))]]


class Free(Strict):
    """Anything that documents hold, with the dates that YAML reads as text."""

    @override
    def read(self, value: Any) -> Any:
        faults: list[Fault] = []
        found = freely(value, faults)
        if faults:
            raise ValidationError(faults)
        return found


def freely(value: object, faults: list[Fault], steps: tuple[object, ...] = ()) -> Any:  # noqa: ANN401 - a document
    """Return data as documents have them; what they cannot have is added to the faults."""
    match value:
        case list():
            return [freely(item, faults, (*steps, Index(i))) for i, item in enumerate(value)]
        case dict():
            return {freely(key, faults, steps): freely(item, faults, (*steps, key)) for key, item in value.items()}
        case date():
            return value.isoformat()
        case None | bool() | float() | bytes():
            return value
        case str() if whole(value):
            return value
        case int() if -INT64_MAX - 1 <= value <= UINT64_MAX:
            return value
        case _:
            faults.append(Fault(lambda: wrong("what a document can hold", value), steps))
            return None


class Forbidden(Strict):
    """No value at all, since there is no such field."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        """Tell the fields that there are."""
        super().__init__()
        self.known = known

    @override
    def read(self, value: Any) -> Any:
        known = ", ".join(self.known) or "none"
        raise ValidationError([Fault(lambda: f"there is no such field; the fields are {known}")])


class Object(Strict):
    """An object: its properties by a marshmallow schema, and what other entries it may have."""

    takes: ClassVar[Classes] = (dict,)

    def __init__(
        self,
        title: str,
        properties: Mapping[str, fields.Field[Any]],
        required: Sequence[str],
        others: Entries,
        limits: Limits = NO_LIMITS,
    ) -> None:
        """Take properties with their names as `data_key`."""
        super().__init__(limits=limits)
        self.title = title
        self.properties = properties
        self.needed = required
        self.others = others
        # marshmallow takes `a.b` for b inside of a, and some names for its own: so its names are numbers.
        self.names = {f"p{i}": name for i, name in enumerate(properties)}
        self.schema = Schema.from_dict(dict(zip(self.names, properties.values(), strict=True)))(unknown=EXCLUDE)

    @override
    def constants(self) -> Mapping[str, Any]:
        choices = {name: field.options for name, field in self.properties.items() if isinstance(field, Choice)}
        return {name: options[0] for name, options in choices.items() if len(options) == 1}

    @override
    def is_meant(self, value: object) -> bool:
        """Tell whether an object is meant for this type: no constant property of it has another value."""
        constants = self.constants().items()
        return isinstance(value, dict) and not any(
            value.get(name, constant) != constant for name, constant in constants
        )

    @override
    def read(self, value: dict[Any, Any]) -> dict[Any, Any]:
        faults = [missing(name) for name in self.needed if name not in value]
        numbered: dict[str, Any] = {}
        others: dict[Any, Any] = {}
        try:
            numbered = self.schema.load(value)
        except ValidationError as error:
            faults += flat(error.messages)
        try:
            if unknown := {key: item for key, item in value.items() if key not in self.properties}:
                others = self.others.deserialize(unknown)
        except ValidationError as error:
            faults += flat(error.messages)
        if faults:
            order = {key: i for i, key in enumerate(value)}
            raise ValidationError(sorted(faults, key=lambda fault: order[fault.steps[0]] if fault.steps else -1))
        found = {self.names[number]: item for number, item in numbered.items()}
        return {key: found[key] for key in value if key in found} | others | found


def missing(name: str) -> Fault:
    """Return the fault of an object that lacks a field."""
    return Fault(lambda: f"the field `{name}` is missing")
