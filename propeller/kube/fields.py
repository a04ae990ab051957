"""Reading Kubernetes' JSON: each field is looked at once, and a fault names its path."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from flytelike.model.diagnostic import Diagnostic, DiagnosticError

E = TypeVar("E", bound=Enum)


class MalformedResource(DiagnosticError):
    """An object is not as its schema says; it was written past it, or by another version."""

    def __init__(self, path: str, problem: str) -> None:
        """Keep the field's path and what is wrong with it."""
        self.path = path
        self.problem = problem
        super().__init__([Diagnostic("malformed-resource", f"{path}: {problem}")])


class Fields:
    """The fields of one JSON object, whose own path is `path`."""

    def __init__(self, document: object, path: str = "") -> None:
        """Read `document`. Raises `MalformedResource` when it is no object."""
        if not isinstance(document, Mapping):
            raise MalformedResource(path or "the document", f"expected an object, got {_kind(document)}")
        self.path = path
        self._document: Mapping[str, Any] = document

    def below(self, name: str) -> "Fields":
        """Return the fields of an object that must be there."""
        if name not in self._document:
            raise MalformedResource(self._at(name), "required")
        return Fields(self._document[name], self._at(name))

    def maybe(self, name: str) -> "Fields | None":
        """Return the fields of an object, or None when it is not there."""
        return None if self._document.get(name) is None else self.below(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        found = self._document.get(name, default)
        if isinstance(found, str):
            return found
        raise MalformedResource(self._at(name), "required" if found is None else f"expected text, got {_kind(found)}")

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        found = self._document.get(name, default)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        raise MalformedResource(self._at(name), f"expected a whole number, got {_kind(found)}")

    def truth(self, name: str) -> bool | None:
        """Return yes or no, or None when it is not there."""
        found = self._document.get(name)
        if found is None or isinstance(found, bool):
            return found
        raise MalformedResource(self._at(name), f"expected true or false, got {_kind(found)}")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; none when it is not there."""
        found = self._document.get(name) or []
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return tuple(found)
        raise MalformedResource(self._at(name), "expected a list of texts")

    def objects(self, name: str) -> "tuple[Fields, ...]":
        """Return a list of objects; none when it is not there."""
        found = self._document.get(name) or []
        if not isinstance(found, list):
            raise MalformedResource(self._at(name), f"expected a list, got {_kind(found)}")
        return tuple(Fields(item, f"{self._at(name)}[{index}]") for index, item in enumerate(found))

    def text_map(self, name: str) -> dict[str, str]:
        """Return texts by name; none when it is not there."""
        found = self.maybe(name)
        return {} if found is None else {key: found.text(key) for key in found.names()}

    def names(self) -> list[str]:
        """Return the names of the fields that are there."""
        return list(self._document)

    def member(self, name: str, members: type[E], default: E) -> E:
        """Return the member of an enum that a text names."""
        found = self.text(name, default.name)
        if found in members.__members__:
            return members[found]
        raise MalformedResource(self._at(name), f"{found!r} is none of {', '.join(members.__members__)}")

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"
