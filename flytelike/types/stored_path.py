"""What files and folders that travel between tasks have in common."""

import os
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self, get_args

from typing_extensions import TypeVar, override

from flytelike.types.places import local_path
from flytelike.types.pydantic_stored import core_schema
from flytelike.types.stored_schema import stored_schema

F = TypeVar("F", default=Any)
"""The format, as type checkers see it; `FlyteFile` alone is one of any format."""


class Formatted(ABCMeta):
    """The class of file and folder classes: a value fits whatever format the class states.

    A format says what an author expects; it is no other class of values.
    """

    plain: "type | None" = None

    @override
    def __instancecheck__(cls, instance: object) -> bool:
        """Tell whether a value is a file (or folder) at all."""
        return super().__instancecheck__(instance) or (cls.plain is not None and isinstance(instance, cls.plain))


class StoredPath(os.PathLike[str], Generic[F], metaclass=Formatted):
    """A place on this machine, or in a store with a way to fetch it."""

    format: ClassVar[str] = ""
    title: ClassVar[str] = ""
    """The class's name in JSON schemas."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Stand for what is at `path`, a local path or a uri."""
        self.path: str = os.fspath(path)
        self.remote_source: str = ""
        self._fetch: Callable[[], str] | None = None
        self._hash = ""

    def __class_getitem__(cls, item: Any) -> type[Self]:  # noqa: ANN401 - a format in any spelling
        """Return the class for a format."""
        made: type[Self] = formatted(cls, item)
        return made

    @classmethod
    def extension(cls) -> str:
        """Return the format, empty for any."""
        return cls.format

    @staticmethod
    @abstractmethod
    def fetched(uri: str) -> str:
        """Return the path of a copy of what an author named by uri, for as long as the process lives."""

    def download(self) -> str:
        """Fetch the content if it is not here yet and return its local path.

        Raises:
            StorageError: the content is gone, is not what its digest says, or cannot be reached.
        """
        if self._fetch is not None:
            self.path = self._fetch()
            self._fetch = None
        elif local_path(self.path) is None:
            self.remote_source, self.path = self.path, self.fetched(self.path)
        return self.path.removeprefix("file://")

    @override
    def __fspath__(self) -> str:
        """Return the local path; the content is fetched first."""
        return self.download()

    @override
    def __eq__(self, other: object) -> bool:
        """Tell whether both stand for the same place, whatever format they state."""
        return (
            isinstance(other, StoredPath)
            and self.title == other.title
            and (self.path, self.remote_source) == (other.path, other.remote_source)
        )

    @override
    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return hash((self.path, self.remote_source))

    @override
    def __str__(self) -> str:
        """Return the uri, or the local path of what was not stored."""
        return self.remote_source or self.path

    @override
    def __repr__(self) -> str:
        """Return what an author would write."""
        return f"{type(self).__name__}({str(self)!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Let pydantic's models have such fields."""
        return core_schema(cls, "path")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Return what a model's JSON schema says of such a field."""
        return stored_schema(cls.title)


_classes: dict[tuple[type, str], type] = {}


def formatted(cls: Any, item: Any) -> Any:  # noqa: ANN401 - a class for a format in any spelling
    """Return the subclass of `cls` for a format: a string, `Literal["csv"]` or a TypeVar's name."""
    if item is Any or (type(item) is type(F) and item.__name__ in {"F", "T"}):
        return cls
    arguments = get_args(item)
    name = str(arguments[0] if arguments else getattr(item, "__name__", item)).lstrip(".")
    if (cls, name) not in _classes:
        _classes[cls, name] = type(cls)(
            cls.__name__, (cls,), {"format": name, "plain": cls, "__module__": cls.__module__}
        )
    return _classes[cls, name]
