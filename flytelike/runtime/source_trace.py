"""Tracebacks as an author wants them: their own frames, their own source lines."""

import linecache
import traceback
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).resolve().parent.parent)
"""Frames of this installation, between the worker's loop and the author's function, explain nothing."""

_MACHINERY = ("<frozen importlib", "importlib/__init__.py", "/asyncio/")
"""Frames of these lead to the author's code, and explain nothing either."""

MAX_CHARACTERS = 16_000
_MAX_FRAMES = 60


def render(error: BaseException, code_root: str = "") -> str:
    """Return the traceback of `error`, its causes too, without the runtime's own frames.

    Paths below `code_root` are shown relative to it. At most `MAX_CHARACTERS` long; what is
    cut is cut from the middle.
    """
    report = traceback.TracebackException.from_exception(error, limit=-_MAX_FRAMES, compact=True)
    _trim(report, code_root, set())
    return shortened("".join(report.format()).rstrip())


def headline(error: BaseException) -> str:
    """Return the type and message of an exception, as the last line of a traceback shows them."""
    return "".join(traceback.format_exception_only(error)).strip()


def forget_sources() -> None:
    """Drop cached source lines, so that the next attempt reads files anew."""
    linecache.checkcache()


def without_runtime_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the author's first frame on."""
    at = trace
    while at is not None and at.tb_frame.f_code.co_filename.startswith(_OURS):
        at = at.tb_next
    return at or trace


def shortened(text: str) -> str:
    """Return `text` with its middle cut out when it is too long to keep with an execution."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _trim(report: traceback.TracebackException, code_root: str, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    kept = [frame for frame in report.stack if not _is_ours(frame.filename)]
    report.stack = traceback.StackSummary.from_list([_relative(frame, code_root) for frame in kept])
    linked = [report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())]
    for inner in linked:
        if inner is not None:
            _trim(inner, code_root, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) or any(mark in filename for mark in _MACHINERY)


def _relative(frame: traceback.FrameSummary, code_root: str) -> traceback.FrameSummary:
    if not code_root or not frame.filename.startswith(code_root + "/"):
        return frame
    shown = frame.filename[len(code_root) + 1 :]
    return traceback.FrameSummary(shown, frame.lineno, frame.name, lookup_line=False, line=frame.line)
