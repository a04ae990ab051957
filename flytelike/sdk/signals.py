"""Signals in local runs: given beforehand, or asked for on the terminal."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.sdk.local import misfit
from flytelike.sdk.signature import Hint
from flytelike.storage import Store
from flytelike.types.context import ValueContext
from flytelike.types.registry import literal_type_of, to_python

_given: ContextVar[Mapping[str, object] | None] = ContextVar("flytelike-signals", default=None)


class SignalRefused(Exception):
    """A person did not approve."""


@contextmanager
def signals(values: Mapping[str, object]) -> Iterator[None]:
    """Give signals to the workflows that run locally inside of the `with`.

    Args:
        values: By the name of the gate: True or False for `approve`, a value for `wait_for_input`.
    """
    token = _given.set({**(_given.get() or {}), **values})
    try:
        yield
    finally:
        _given.reset(token)


def signalled(name: str, hint: Hint, question: str) -> object:
    """Return the value of a signal in a local run.

    Raises:
        DiagnosticError: Nobody gives the signal, or a value of another type.
    """
    given = _given.get() or {}
    if name in given:
        reason = misfit(given[name], hint)
        if reason:
            raise DiagnosticError([Diagnostic("value-mismatch", f"the signal `{name}` can't be this: {reason}")])
        return given[name]
    if sys.stdin is None or not sys.stdin.isatty():
        raise DiagnosticError(
            [
                Diagnostic(
                    "missing-signal",
                    f"`{name}` waits for a signal, and nobody is there to give it",
                    help=(
                        f"run the workflow in `with signals({{{name!r}: ...}}):`, from `flytelike.testing`",
                        "or from a terminal, where you are asked",
                    ),
                )
            ]
        )
    return _asked(name, hint, question)


def _asked(name: str, hint: Hint, question: str) -> object:
    # What asking needs is loaded when somebody is asked.
    from flytelike.types.inputs import located, parse_text  # noqa: PLC0415

    kind = literal_type_of(hint)
    words = {"y": "true", "yes": "true", "n": "false", "no": "false"} if hint is bool else {}
    while True:
        text = input(f"[{name}] {question} ({'yes/no' if words else getattr(hint, '__name__', hint)}): ").strip()
        outcome = parse_text(words.get(text.lower(), text), kind, name, located)
        if not isinstance(outcome, list):
            return to_python(outcome, hint, ValueContext(Store(), "memory://signals", Path("/nonexistent")))
        print(*(told.headline for told in outcome), sep="\n", file=sys.stderr)  # noqa: T201 - a dialogue
