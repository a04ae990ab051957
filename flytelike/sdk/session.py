"""The eager function that runs, to which calls of entities belong."""

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from flytelike.sdk.entity import AnyEntity
    from flytelike.sdk.node_options import NodeOptions


class Session(Protocol):
    """Carries out the calls of an eager function."""

    def call(
        self, entity: "AnyEntity", args: tuple[object, ...], kwargs: Mapping[str, object], options: "NodeOptions"
    ) -> Coroutine[Any, Any, object]:
        """Take a call; awaiting what is returned gives its result in the author's shape."""
        ...


_current: ContextVar[Session | None] = ContextVar("flytelike-session", default=None)


def current_session() -> Session | None:
    """Return the session of the eager function that runs, if any."""
    return _current.get()


@contextmanager
def in_session(session: Session | None) -> Iterator[None]:
    """Let calls belong to a session; None lets them run as plain Python."""
    token = _current.set(session)
    try:
        yield
    finally:
        _current.reset(token)
