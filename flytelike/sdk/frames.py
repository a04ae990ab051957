"""Which line of the author's the interpreter is on."""

import sys
from types import FrameType

from flytelike.sdk.source import CallSite, call_site

_OURS = ("flytelike.", "propeller.")


def caller(depth: int = 1) -> FrameType:
    """Return the frame `depth` calls above the caller of this function."""
    return sys._getframe(depth + 1)  # noqa: SLF001  (inspect.stack reads source files: far too slow)


def author_frame() -> FrameType:
    """Return the nearest frame that isn't the SDK's own."""
    frame = caller()
    while frame.f_back is not None and is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def author_site() -> CallSite:
    """Return the expression that the author's nearest frame is evaluating."""
    return call_site(author_frame())


def is_ours(module: str) -> bool:
    """Tell whether a module belongs to this project."""
    return module.startswith(_OURS) or module in {"flytelike", "propeller"}
