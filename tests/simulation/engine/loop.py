"""An event loop that somebody else turns, one callback at a time, in time that somebody else keeps.

No clock, no sockets, no threads: what runs on it depends on nothing but the order in which it is
turned. A process dies by no longer being turned.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from typing_extensions import override

S = 1_000_000_000


class Agenda:
    """The one course of time: what happens when. `true_ns` is real time, which never jumps."""

    def __init__(self) -> None:
        self.true_ns = 1_000 * S
        self.trace: list[str] = []
        self._entries: list[tuple[int, int, str, Callable[[], None]]] = []
        self._ticket = itertools.count()

    def later(self, what: str, delay_ns: int, action: Callable[[], None]) -> None:
        """Let something happen after a while; an empty `what` is not worth telling."""
        heapq.heappush(self._entries, (self.true_ns + max(0, delay_ns), next(self._ticket), what, action))

    def step(self) -> bool:
        """Let the next thing happen; tell whether there was one."""
        if not self._entries:
            return False
        at_ns, _, what, action = heapq.heappop(self._entries)
        self.true_ns = max(self.true_ns, at_ns)
        if what:
            self.tell(what)
        action()
        return True

    def tell(self, what: str) -> None:
        """Note something for whoever looks at a seed."""
        self.trace.append(f"{self.true_ns / S:.3f} {what}")


class TurnedLoop(asyncio.AbstractEventLoop):
    """The event loop of one life of the engine."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._ready: deque[asyncio.Handle] = deque()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.faults: list[str] = []

    def turn(self) -> bool:
        """Run one callback; tell whether there was one."""
        while self._ready:
            handle = self._ready.popleft()
            if handle.cancelled():
                continue
            asyncio.events._set_running_loop(self)
            try:
                handle._run()
            finally:
                asyncio.events._set_running_loop(None)
            return True
        return False

    def bury(self) -> None:
        """Take the dead tasks apart, so that Python does not complain of them later."""
        for _ in range(100):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            while self.turn():
                pass

    # --- what asyncio asks of a loop --------------------------------------------------------

    @override
    def call_soon(  # type: ignore[override] # typeshed ties the arguments to the callback
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    @override
    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:  # type: ignore[override]
        task = asyncio.Task(coro, loop=self, name=options.get("name"))
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))
        return task

    @override
    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    @override
    def time(self) -> float:
        return self._agenda.true_ns / S

    @override
    def get_debug(self) -> bool:
        return False

    @override
    def is_running(self) -> bool:
        return True

    @override
    def is_closed(self) -> bool:
        return False

    @override
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")
