"""Values that are one file of a format of their own: written, stored and read in one way for all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytelike.model.ids import Digest
from flytelike.model.literals import Blob, Literal
from flytelike.model.types import BlobType
from flytelike.types.context import ValueContext
from flytelike.types.faults import undecodable
from flytelike.types.places import local_path
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


def stored_blob(kind: BlobType, name: str, ctx: ValueContext, write: Callable[[Path], object]) -> Literal:
    """Return the literal of a file that `write` makes at a path; it carries the digest of its bytes."""
    path = ctx.new_path(name)
    try:
        write(path)
        done = ctx.store.take_file(path, ctx.new_uri(name))
    finally:
        path.unlink(missing_ok=True)
    return Literal(Blob(done.uri, kind), hash=done.digest)


def fetched_blob(literal: Literal, hint: Hint, ctx: ValueContext) -> Path:
    """Return a copy of the file that a literal names; raises TypeFault when it names none."""
    found = unwrapped(literal)
    if not isinstance(found.value, Blob) or found.value.type.multipart:
        raise undecodable(hint, type(found.value).__name__)
    path = ctx.new_path(Path(found.value.uri).name)
    promised = Digest(found.hash) if found.hash.startswith("sha256:") else None
    ctx.store.download_file(found.value.uri, path, expected=promised)
    return path


def read_blob(literal: Literal, hint: Hint, ctx: ValueContext, read: Callable[[Path], Any]) -> Any:  # noqa: ANN401
    """Return what `read` makes of the file: in place on this machine, else of a copy that does not outlive it."""
    found = unwrapped(literal)
    place = local_path(found.value.uri) if isinstance(found.value, Blob) else None
    if place is not None and place.is_file():
        if found.hash.startswith("sha256:"):
            ctx.store.verify_file(place.as_uri(), Digest(found.hash))
        return read(place)
    path = fetched_blob(literal, hint, ctx)
    try:
        return read(path)
    finally:
        path.unlink(missing_ok=True)
