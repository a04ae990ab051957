"""Who the call that runs now is of, and what they may do: servicers ask it, the door sets it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flytelike.controlplane.access.identity import ANONYMOUS, Identity
from flytelike.controlplane.access.roles import EVERYTHING, Rights


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody, and what they may do just now."""

    identity: Identity = ANONYMOUS
    rights: Rights = EVERYTHING

    @property
    def user(self) -> str:
        """The name by which others see who it was."""
        return self.identity.user


_CALLER: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - it is frozen


def caller() -> Caller:
    """Return who calls; where nobody has to say who they are, somebody who may do everything."""
    return _CALLER.get()


@contextmanager
def called_by(who: Caller) -> Iterator[None]:
    """Let `who` be the caller within the context."""
    before = _CALLER.get()
    _CALLER.set(who)
    try:
        yield
    finally:
        # Not by the token of `set`: the end of a stream may come in another context.
        _CALLER.set(before)
