"""Frames and StructuredDataset to parquet in the object store."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from flytelike.model.literals import Literal, SchemaValue
from flytelike.model.literals import StructuredDataset as DatasetLiteral
from flytelike.model.types import LiteralType, StructuredDatasetType
from flytelike.storage import is_local, join
from flytelike.types.annotated import bare
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.places import local_path
from flytelike.types.primitives import unwrapped
from flytelike.types.structured.columns import columns_of, format_of
from flytelike.types.structured.dataset import StructuredDataset
from flytelike.types.structured.frames import FrameKind, kind_of
from flytelike.types.transformer import Hint

FORMATS = frozenset({"", "parquet"})
"""File formats that can be written and read; any is parquet."""
FILE = "00000"
"""The name of a table's only file, as the stock SDK writes it."""


class DatasetTransformer:
    """pandas, pyarrow and polars frames, and StructuredDataset; columns may be stated in `Annotated`."""

    name = "StructuredDataset Transformer"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a frame or StructuredDataset, with columns or without."""
        inner = bare(hint)
        return kind_of(inner) is not None or (isinstance(inner, type) and issubclass(inner, StructuredDataset))

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the type of a table with the columns that are stated."""
        columns = tuple((name, self._registry.literal_type(inner)) for name, inner in columns_of(hint).items())
        return LiteralType(StructuredDatasetType(columns, format_of(hint)))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the frame as parquet; the literal carries the digest of its bytes."""
        kind = self.literal_type(hint).kind
        assert isinstance(kind, StructuredDatasetType)
        if isinstance(value, StructuredDataset):
            if value.dataframe is not None:
                return self._written(value.dataframe, value.uri, kind, ctx)
            return self._referenced(value, replace(kind, format=kind.format or value.file_format), hint, ctx)
        inner = bare(hint)
        if not isinstance(value, inner) or kind_of(inner) is None:
            advice = "wrap the frame: StructuredDataset(frame)" if kind_of(type(value)) else ""
            raise mismatch(inner, value, advice)
        return self._written(value, "", kind, ctx)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a frame
        """Return the frame, or a StructuredDataset that reads it when asked to; only the stated columns."""
        inner, columns = bare(hint), list(columns_of(hint))
        outer = unwrapped(literal)
        match outer.value:
            case DatasetLiteral(uri, kind) if kind.format.lower() in FORMATS:
                pass
            case SchemaValue(uri):  # the older table type; its files are parquet
                kind = StructuredDatasetType()
            case DatasetLiteral(_, kind):
                raise undecodable(inner, f"a table in the format {kind.format!r}; only parquet can be read")
            case other:
                raise undecodable(inner, type(other).__name__)

        def read(cls: type) -> Any:  # noqa: ANN401 - a frame
            frame_kind = kind_of(cls)
            if frame_kind is None:
                raise unsupported(cls, "it is no frame", "use a pandas, pyarrow or polars frame")
            return read_frame(frame_kind, uri, columns, ctx)

        if issubclass(inner, StructuredDataset):
            return inner.stored(uri, kind.format or "parquet", read, outer.hash)
        return read(inner)

    def _written(self, frame: Any, uri: str, kind: StructuredDatasetType, ctx: ValueContext) -> Literal:  # noqa: ANN401
        """Store a frame below `uri`, or a new one."""
        frame_kind = kind_of(type(frame))
        if frame_kind is None:
            raise mismatch("a pandas, pyarrow or polars frame", frame)
        if kind.format.lower() not in FORMATS:
            raise unsupported(kind.format, "tables are stored as parquet", "leave the format out")
        path = ctx.new_path(FILE)
        try:
            frame_kind.write(frame, path)
            place = uri or ctx.new_uri()
            done = ctx.store.take_file(path, join(place, FILE))
        finally:
            path.unlink(missing_ok=True)
        return Literal(DatasetLiteral(place, replace(kind, format="parquet")), hash=done.digest)

    def _referenced(
        self, value: StructuredDataset, kind: StructuredDatasetType, hint: Hint, ctx: ValueContext
    ) -> Literal:
        """Name a table that is stored; one that lies in a file or folder of this machine is stored first."""
        if not value.uri:
            raise mismatch(bare(hint), value, "it has neither a frame nor a uri")
        path = local_path(value.uri)
        if value.is_stored or path is None:
            return Literal(DatasetLiteral(value.uri, kind), hash=value.digest)
        if not path.exists():
            raise mismatch(bare(hint), value.uri, "there is no such file or folder")
        place = ctx.new_uri()
        if path.is_dir():
            done = ctx.store.upload_directory(path, place)
        else:
            done = ctx.store.upload_file(path, join(place, FILE))
        return Literal(DatasetLiteral(place, kind), hash=done.digest)


def read_frame(kind: FrameKind, uri: str, columns: Sequence[str], ctx: ValueContext) -> Any:  # noqa: ANN401
    """Read all files of a table, or the stated columns of them.

    Files of this machine are read in place. Others are copied, or, where only some columns are wanted, read in pieces.
    """
    names = [found.uri for found in ctx.store.list(uri)] or [uri]
    if is_local(uri):
        return kind.read([Path(name.removeprefix("file://")) for name in names], columns)
    if columns and not kind.lazy:
        with ExitStack() as opened:
            return kind.read([opened.enter_context(ctx.store.open_read(name)) for name in names], columns)
    copies = [ctx.new_path(f"{index:05}") for index in range(len(names))]
    try:
        for name, copy in zip(names, copies, strict=True):
            ctx.store.download_file(name, copy)
        return kind.read(copies, columns)
    finally:
        if not kind.lazy:
            for copy in copies:
                copy.unlink(missing_ok=True)
