"""How an attempt went whose program has ended: its documents tell, and where there are none, its pod."""

from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

from flytelike.model.failure import Failure
from propeller.executors.codes import ENDED_EARLY, NOT_STORED, NOT_STORED_EXIT, OUTPUTS_NOT_FOUND
from propeller.executors.command import OURS
from propeller.executors.ending import Ending
from propeller.executors.pod.endings import system_failure, user_failure
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.observation import Broken, Exited
from propeller.executors.pod.task_pod import primary_container, task_pod
from propeller.executors.results import Results
from propeller.ports import AttemptSpec

_AWAY = "The attempt has ended, but the object store was away for too long to keep how."


def is_ours(spec: AttemptSpec) -> bool:
    """Tell whether an attempt runs the platform's own program, whose documents appear whole or not at all."""
    own = task_pod(spec, Faults())
    if own is None:
        return False
    primary = primary_container(own)
    words = [*(primary.get("command") or ()), *(primary.get("args") or ())]
    return bool(words) and PurePosixPath(str(words[0])).name == OURS


Tail = Callable[[], Awaitable[str]]
"""Gives the last of what an attempt printed. It may wait for it, so it is asked only where that is told."""


async def judged(spec: AttemptSpec, news: Exited | Broken, results: Results, tail: Tail) -> Ending:
    """Return how an attempt went, and keep that for those who ask after a restart.

    Args:
        spec: The attempt.
        news: How its pod ended.
        results: Reads and writes its documents.
        tail: The last of what it printed.
    """
    ours, declared = is_ours(spec), spec.task.interface.outputs
    found = await results.found(spec.output_prefix, declared)
    ending: Ending
    if isinstance(found, Failure):
        return found
    if isinstance(news, Broken) and not (ours and found):
        away = ours and news.exit_code == NOT_STORED_EXIT
        ending = _with_tail(system_failure(NOT_STORED, _AWAY) if away else news.failure, await tail())
    elif isinstance(found, bool):
        ending = None if found or not (declared or ours) else _without_outputs(spec, await tail(), ours=ours)
    else:
        ending = found
    if isinstance(ending, Failure):
        await results.put_failure(spec.output_prefix, ending)
    if not ours:
        await results.mark(spec.output_prefix)
    return ending


def _without_outputs(spec: AttemptSpec, tail: str, *, ours: bool) -> Failure:
    if ours:
        text = "The program ended (exit code 0) before the task returned: it, or a library, called os._exit."
        return _with_tail(user_failure(ENDED_EARLY, text), tail)
    text = f"The program ended with exit code 0 but there are no outputs at {spec.output_prefix}."
    return _with_tail(user_failure(OUTPUTS_NOT_FOUND, text), tail)


def _with_tail(failure: Failure, tail: str) -> Failure:
    if not tail:
        return failure
    text = f"{failure.message}\n\nThe last it printed:\n{tail}"
    return Failure(failure.code, text, failure.fault, failure.retryable, failure.origin)
