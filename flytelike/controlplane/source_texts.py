"""The lines in which a registered task or workflow was written, read from the code bundle it was registered with.

The bundle is somebody's upload: its digest is checked, nothing of it is written to a disk, names in it are only
compared, and what it unpacks to is bounded.
"""

import asyncio
import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flytelike.codec.parse import parse
from flytelike.controlplane.errors import invalid
from flytelike.controlplane.finding import Finding
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.storage import NotFound, Store, TooLarge
from flytelike.storage.uri import join
from flytelike_idl.core import compiler_pb2, source_pb2, tasks_pb2

ABOVE_MAX = 20
"""How many lines above its own an entity's decorators and comments may have."""
LINES_MAX = 400
LINE_CHARACTERS_MAX = 400
FILE_BYTES_MAX = 4 << 20
BUNDLE_BYTES_MAX = 32 << 20
UNPACKED_BYTES_MAX = 64 << 20
AT_ONCE = 2
"""How many bundles are read at once."""
BUNDLE = "bundle.tar.gz"

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

NO_PLACE = "Its spec tells no place in a source file, as what other SDKs register does not."
IN_IMAGE = "Its code is in its image: no code was uploaded when it was registered."
GONE = "The code it was registered with is no longer in the store."
LARGE = f"The code it was registered with is too large to be looked into: more than {UNPACKED_BYTES_MAX >> 20} MB."
BROKEN = "The code it was registered with cannot be read."
OTHER = "The code it was registered with does not hold this file."
NO_TEXT = "The file is no text, or too large to be shown."


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a node of a workflow was written."""

    node: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class SourceText:
    """Lines of a file, from `first_line` on; `line` to `end_line` are the entity's. `note` says why there are none."""

    file: str = ""
    line: int = 0
    end_line: int = 0
    first_line: int = 0
    lines: tuple[str, ...] = ()
    cut: bool = False
    marks: tuple[Mark, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """What a spec tells of where it was written, and the digest of its code in hexadecimal."""

    span: source_pb2.SourceSpan
    code: str
    marks: tuple[Mark, ...] = ()


class Unreadable(Exception):
    """Why a file of a bundle cannot be shown, in words."""


class SourceTexts:
    """The use case of reading where an entity was written."""

    def __init__(self, finding: Finding, store: Store, settings: Settings) -> None:
        """Find versions with `finding`, and bundles in `store` below the settings' prefix of uploads."""
        self._finding = finding
        self._store = store
        self._root = join(settings.base, settings.upload_prefix)
        self._reading = asyncio.Semaphore(AT_ONCE)

    async def of(self, identifier: Identifier) -> SourceText:
        """Return the lines of a version of a task or workflow.

        Raises:
            Refusal: NOT_FOUND where there is no such version; INVALID_ARGUMENT `wrong-resource-type` for launch plans,
                which have no lines of their own.
        """
        written = await self._written(identifier)
        span = written.span
        if not span.file:
            return SourceText(note=NO_PLACE)
        place = SourceText(span.file, span.line, max(span.line, span.end_line))
        if not written.code:
            return _without(place, IN_IMAGE)
        uri = join(self._root, identifier.project, identifier.domain, written.code, BUNDLE)
        try:
            async with self._reading:
                text = await asyncio.to_thread(self._read, uri, written.code, span.file)
        except Unreadable as error:
            return _without(place, str(error))
        return _around(place, text.splitlines(), written.marks)

    async def _written(self, identifier: Identifier) -> _Written:
        row = await self._finding.version(identifier)
        if identifier.kind is ResourceKind.TASK:
            template = parse(compiler_pb2.CompiledTask, row.body).template
            return _Written(template.span, _code_of(template))
        if identifier.kind is not ResourceKind.WORKFLOW:
            raise invalid("wrong-resource-type", "only tasks and workflows are written in lines of their own")
        closure = parse(compiler_pb2.CompiledWorkflowClosure, await self._finding.closure(row))
        workflow = closure.primary.template
        # A workflow names no code: it was registered with the tasks that have its version, and with their bundle.
        tasks = (compiled.template for compiled in closure.tasks)
        near = (task for task in tasks if _place(task) == (identifier.project, identifier.domain, identifier.version))
        marks = (
            Mark(node.id, node.span.line, max(node.span.line, node.span.end_line))
            for node in workflow.nodes
            if node.span.file == workflow.span.file and node.span.line
        )
        return _Written(workflow.span, next(filter(None, map(_code_of, near)), ""), tuple(marks))

    def _read(self, uri: str, digest: str, file: str) -> str:
        """Return the text of a file of a bundle; raises Unreadable."""
        try:
            archive = self._store.get(uri, max_bytes=BUNDLE_BYTES_MAX)
        except NotFound:
            raise Unreadable(GONE) from None
        except TooLarge:
            raise Unreadable(LARGE) from None
        if hashlib.sha256(archive).hexdigest() != digest:
            raise Unreadable(BROKEN)
        try:
            content = member(archive, file)
        except (tarfile.TarError, OSError, EOFError, zlib.error):
            raise Unreadable(BROKEN) from None
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise Unreadable(NO_TEXT) from None


def member(archive: bytes, name: str) -> bytes:
    """Return a file of a tar.gz; raises Unreadable, TarError, OSError, EOFError or zlib.error."""
    with gzip.GzipFile(fileobj=io.BytesIO(archive)) as packed:
        content = packed.read(UNPACKED_BYTES_MAX + 1)
    if len(content) > UNPACKED_BYTES_MAX:
        raise Unreadable(LARGE)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        for found in tar:
            if found.name != name or not found.isfile():
                continue
            if found.size > FILE_BYTES_MAX:
                raise Unreadable(NO_TEXT)
            file = tar.extractfile(found)
            return file.read() if file is not None else b""
    raise Unreadable(OTHER)


def _code_of(template: tasks_pb2.TaskTemplate) -> str:
    """Return the digest of a task's code in hexadecimal; empty where its command names none."""
    args = list(template.container.args)
    named = args[args.index("--code") + 1] if "--code" in args[:-1] else ""
    match = _DIGEST.fullmatch(named)
    return match[1] if match else ""


def _place(template: tasks_pb2.TaskTemplate) -> tuple[str, str, str]:
    return template.id.project, template.id.domain, template.id.version


def _without(place: SourceText, note: str) -> SourceText:
    return SourceText(place.file, place.line, place.end_line, note=note)


def _around(place: SourceText, lines: list[str], marks: Iterable[Mark]) -> SourceText:
    """Return the lines of an entity, with its decorators."""
    if not 0 < place.line <= len(lines):
        return _without(place, OTHER)
    first, last = extent(lines, place.line)
    last = max(last, min(place.end_line, len(lines)))
    shown_to = min(last, first + LINES_MAX - 1)
    shown = tuple(line[:LINE_CHARACTERS_MAX] for line in lines[first - 1 : shown_to])
    inside = tuple(mark for mark in marks if first <= mark.line <= shown_to)
    return SourceText(place.file, place.line, last, first, shown, last > shown_to, inside)


def extent(lines: Sequence[str], line: int) -> tuple[int, int]:
    """Return the first and last line of what is defined in a line, counted from 1.

    A spec tells the line of `def` only. Nothing is parsed: what stands above without an empty line
    belongs to it, and so does what is indented below.
    """
    first = line
    while first > max(1, line - ABOVE_MAX) and lines[first - 2].strip():
        first -= 1
    depth = _indentation(lines[line - 1])
    last = line
    for number, text in enumerate(lines[line:], line + 1):
        if text.strip() and _indentation(text) <= depth and text.lstrip()[0] not in ")]}#":
            break
        if text.strip() and (_indentation(text) > depth or text.lstrip()[0] in ")]}"):
            last = number
    return first, last


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())
