"""Makes sure that what was decided about executions reaches the launcher, whatever fails meanwhile.

The database says what is due: an execution of which nothing was heard yet is to be launched, one that is
aborting is to be aborted, a signal that was given is to be told. All are idempotent, so asking once more is
harmless.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.launching import launch_request
from flytelike.controlplane.messages import execution_id
from flytelike.controlplane.ports import Launcher
from flytelike.controlplane.repository.executions import unfinished_business
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.repository.signals import told_signal, untold_signals
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase

FIRST_DELAY_S = 0.5
DELAY_MAX_S = 30.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Dispatch:
    """Tells the launcher, now and again after failures."""

    def __init__(self, database: Database, launcher: Launcher, settings: Settings) -> None:
        """Tell `launcher`; what is due is read from `database`."""
        self._database = database
        self._launcher = launcher
        self._settings = settings
        self._retry: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def tell(self, row: ExecutionRow) -> None:
        """Hand over what is due for an execution; a failure is tried again later and not raised."""
        if not await self._told(row):
            self._retry_later()

    async def tell_signal(self, execution: ExecutionId, signal: str) -> None:
        """Tell that a signal was given; a failure is tried again later and not raised."""
        if not await self._told_signal(execution, signal):
            self._retry_later()

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what must not stop half-way though whoever asked for it goes away: a commit, and what is told after it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def reconcile(self) -> int:
        """Hand over everything that is due; return how many things could not be handed over."""
        rows = await self._database.read(unfinished_business)
        signals = await self._database.read(untold_signals)
        failed = sum([not await self._told(row) for row in rows])
        return failed + sum([not await self._told_signal(*signal) for signal in signals])

    async def reconcile_or_retry(self) -> None:
        """Hand over everything that is due; what fails is tried again later."""
        if await self._left_over():
            self._retry_later()

    def soon(self) -> None:
        """Hand over everything that is due, in the background."""
        task = asyncio.get_running_loop().create_task(self.reconcile_or_retry())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def keep_looking(self, pause_s: float) -> None:
        """Hand over what is due now and then: another server may have died before it did."""

        async def look() -> None:
            while True:
                # Servers that were started together do not look together.
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
                await self.reconcile_or_retry()

        task = asyncio.get_running_loop().create_task(look(), name="controlplane-dispatch")
        self._tasks.add(task)

    async def close(self) -> None:
        """Stop trying."""
        tasks = [*self._tasks, *filter(None, [self._retry])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _told(self, row: ExecutionRow) -> bool:
        try:
            if row.sequence == 0 and not row.held_since:
                await self._launcher.launch(launch_request(row, self._settings))
            if row.phase == WorkflowPhase.ABORTING:
                await self._launcher.abort(execution_id(row), row.abort_cause, row.abort_principal)
        except Refusal as error:
            log.warning("execution %s cannot be handed over yet: %s", execution_id(row), error)
            return False
        except Exception:
            log.exception("could not hand over execution %s", execution_id(row))
            return False
        return True

    async def _told_signal(self, execution: ExecutionId, signal: str) -> bool:
        try:
            await self._launcher.signalled(execution, signal)
            await self._database.write(lambda connection: told_signal(connection, execution, signal))
        except Exception:
            log.exception("could not hand over the signal %s of %s", signal, execution)
            return False
        return True

    async def _left_over(self) -> bool:
        """Hand over everything that is due; tell whether something could not be, or what is due not be read."""
        try:
            return await self.reconcile() > 0
        except Exception:
            log.exception("could not look what is to be handed over")
            return True

    def _retry_later(self) -> None:
        if self._retry is None or self._retry.done():
            self._retry = asyncio.create_task(self._retries())

    async def _retries(self) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            await asyncio.sleep(delay_s)
            if not await self._left_over():
                return
            delay_s = min(2 * delay_s, DELAY_MAX_S)
