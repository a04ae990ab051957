"""`StructuredDataset`: a table that is opened as the frame a task wants."""

from collections.abc import Callable
from typing import Any, Self, TypeVar

from typing_extensions import override

from flytelike.types.pydantic_stored import core_schema
from flytelike.types.stored_schema import stored_schema

D = TypeVar("D")


class StructuredDataset:
    """A table. A task gives one around a frame; a task that takes one chooses how to open it.

    `dataset.open(pd.DataFrame).all()` reads it as the stock SDK does; so does `read(pd.DataFrame)`.
    """

    def __init__(
        self,
        dataframe: Any = None,  # noqa: ANN401 - any frame
        uri: str | None = None,
        file_format: str = "parquet",
    ) -> None:
        """Stand for a frame that is here, or for a table that lies at `uri`."""
        self.dataframe = dataframe
        self.uri: str = uri or ""
        self.file_format = file_format
        self._read: Callable[[type], Any] | None = None
        self._kind: type | None = None
        self.digest = ""

    @classmethod
    def stored(cls, uri: str, file_format: str, read: Callable[[type], Any], digest: str = "") -> Self:
        """Return a table that lies at `uri`; `read` gives it as a frame of a class."""
        dataset = cls(uri=uri, file_format=file_format)
        dataset._read = read
        dataset.digest = digest
        return dataset

    @property
    def is_stored(self) -> bool:
        """Whether the table came from a store, as a task's input does."""
        return self._read is not None

    def open(self, kind: type) -> Self:
        """Choose the frame's class for `all`."""
        self._kind = kind
        return self

    def all(self) -> Any:  # noqa: ANN401 - a frame of the class given to `open`
        """Return the whole table as a frame of the class given to `open`."""
        if self._kind is None:
            raise TypeError("say which frame: dataset.open(pandas.DataFrame).all()")
        return self.read(self._kind)

    def read(self, kind: type[D]) -> D:
        """Return the whole table as a frame of class `kind`."""
        if self._read is not None:
            found: D = self._read(kind)
            return found
        if isinstance(self.dataframe, kind):
            return self.dataframe
        raise TypeError(f"the dataset holds a {type(self.dataframe).__name__}, not a {kind.__name__}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Let pydantic's models have such fields."""
        return core_schema(cls, "uri")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Return what a model's JSON schema says of such a field."""
        return stored_schema("StructuredDataset")

    @override
    def __repr__(self) -> str:
        """Return where the table is."""
        return f"StructuredDataset({self.uri or type(self.dataframe).__name__!r})"
