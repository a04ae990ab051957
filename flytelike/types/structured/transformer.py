"""Frames and StructuredDataset to parquet in the object store."""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from flytelike.model.literals import Literal
from flytelike.model.literals import StructuredDataset as DatasetLiteral
from flytelike.model.types import LiteralType, StructuredDatasetType
from flytelike.storage import is_local, join
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable, unsupported
from flytelike.types.lookup import Lookup
from flytelike.types.primitives import unwrapped
from flytelike.types.structured.dataset import StructuredDataset
from flytelike.types.structured.frames import FrameKind, kind_of
from flytelike.types.transformer import Hint

PARQUET = StructuredDatasetType(format="parquet")
FILE = "00000"
"""The name of a table's only file, as the stock SDK writes it."""


class DatasetTransformer:
    """pandas, pyarrow and polars frames, and StructuredDataset."""

    name = "StructuredDataset Transformer"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a frame or StructuredDataset."""
        return kind_of(hint) is not None or (isinstance(hint, type) and issubclass(hint, StructuredDataset))

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - columns are not stated
        """Return the type of a table whose columns are not stated."""
        return LiteralType(StructuredDatasetType())

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Store the frame as parquet; the literal carries the digest of its bytes."""
        frame = value
        if isinstance(value, StructuredDataset):
            if value.uri:
                return Literal(DatasetLiteral(value.uri, StructuredDatasetType(format=value.file_format)))
            frame = value.dataframe
        elif not (isinstance(hint, type) and isinstance(value, hint)):
            raise mismatch(hint, value)
        kind = kind_of(type(frame))
        if kind is None:
            raise mismatch(hint, frame, "frames are of pandas, pyarrow or polars")
        path = ctx.new_path(FILE)
        kind.write(frame, path)
        uri = ctx.new_uri()
        done = ctx.store.upload_file(path, join(uri, FILE))
        path.unlink()
        return Literal(DatasetLiteral(uri, PARQUET), hash=done.digest)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401 - a frame
        """Return the frame, or a StructuredDataset that reads it when asked to."""
        found = unwrapped(literal).value
        if not isinstance(found, DatasetLiteral):
            raise undecodable(hint, type(found).__name__)
        if found.type.format.lower() not in {"", "parquet"}:
            raise undecodable(hint, f"a table in the format {found.type.format!r}; only parquet can be read")

        def read(cls: type) -> Any:  # noqa: ANN401 - a frame
            kind = kind_of(cls)
            if kind is None:
                raise unsupported(cls, "it is no frame", "use a pandas, pyarrow or polars frame")
            return read_frame(kind, found.uri, ctx)

        if issubclass(hint, StructuredDataset):
            return hint.stored(found.uri, found.type.format or "parquet", read)
        return read(hint)


def read_frame(kind: FrameKind, uri: str, ctx: ValueContext) -> Any:  # noqa: ANN401 - a frame
    """Read all files of a table. Local files are read in place, others from a copy."""
    names = [found.uri for found in ctx.store.list(uri)] or [uri]
    if all(is_local(name) for name in names):
        return kind.read([Path(unquote(urlsplit(name).path)) for name in names])
    with tempfile.TemporaryDirectory(dir=ctx.new_path("frames").parent) as folder:
        copies = [Path(folder) / f"{index:05}" for index in range(len(names))]
        for name, copy in zip(names, copies, strict=True):
            ctx.store.download_file(name, copy)
        return kind.read(copies)
