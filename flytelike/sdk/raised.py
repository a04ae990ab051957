"""What an author's own code raised, as a diagnostic: where, by which calls, and with which words."""

import traceback
from types import TracebackType

from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.span import SourceSpan
from flytelike.sdk.frames import is_ours


def raised_fault(code: str, what: str, error: BaseException, default: SourceSpan, help_: str = "") -> Diagnostic:
    """Return the diagnostic for an exception; `what` completes with its name and words.

    Args:
        code: The diagnostic's code.
        what: What did not happen, such as "flights.py cannot be imported".
        error: The exception.
        default: The place to show when no frame of the author's is left.
        help_: What to do, if it is known.
    """
    frames = _author_frames(error.__traceback__)
    headline = f"{what}: {type(error).__name__}: {error}"
    helps = (help_,) if help_ else ()
    if not frames:
        return Diagnostic(code, headline, Label(default, ""), help=helps)
    labels = [Label(SourceSpan(frame.filename, frame.lineno or 0), text) for frame, text in frames]
    return Diagnostic(code, headline, labels[-1], tuple(reversed(labels[:-1])), helps)


def _author_frames(trace: TracebackType | None) -> list[tuple[traceback.FrameSummary, str]]:
    """Return the frames that are not ours, outermost first, each with what happens there."""
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(trace))
    frames = [
        frame
        for frame, module in zip(traceback.extract_tb(trace), modules, strict=True)
        if not is_ours(module) and not module.startswith("importlib") and "<frozen" not in frame.filename
    ]
    return [(frame, "raised here" if frame is frames[-1] else "called here") for frame in frames]
