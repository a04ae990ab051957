"""All processes of the executor: made by the zygote, kept warm, released, buried."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Protocol

from flytelike.codec.worker_frames import Done, ElementsDone, Frame, Run, RunElements
from flytelike.model.usage import AttemptUse
from propeller.executors.process.channel import FrameChannel
from propeller.executors.process.plan import ProgramPlan, WarmPlan
from propeller.executors.process.pool import IdlePool
from propeller.executors.process.settings import ProcessSettings
from propeller.executors.process.worker import Output, Worker
from propeller.executors.process.zygote import Zygote, ZygoteFailed


class WorkersListener(Protocol):
    """Told what becomes of processes."""

    def started(self, worker: Worker) -> None:
        """Tell that a new process lives."""

    def printed(self, worker: Worker, data: bytes) -> None:
        """Hand over what it printed."""

    def done(self, worker: Worker, done: Done) -> None:
        """Tell that a warm worker ended its attempt; it must be released."""

    def elements_done(self, worker: Worker, done: ElementsDone) -> None:
        """Tell that elements of an array have ended in a warm worker."""

    def ended(self, worker: Worker, status: int, used: AttemptUse) -> None:
        """Tell that the process ended. `status` is negative for a signal; `used` is of what it ran last."""

    def not_started(self, worker: Worker, error: int, message: str) -> None:
        """Tell that there will be no such process."""

    def lost(self, worker: Worker) -> None:
        """Tell that the process ended together with the zygote."""


class Workers:
    """Makes processes and keeps hold of them until they are gone."""

    def __init__(self, settings: ProcessSettings, env: Mapping[str, str], listener: WorkersListener) -> None:
        self._settings = settings
        self._env = env
        self._listener = listener
        self._zygote: Zygote | None = None
        self._opening: asyncio.Task[None] | None = None
        self._alive: dict[int, Worker] = {}
        self._next = 0
        self._idle = IdlePool(settings.idle_workers, settings.idle_s, self._retire)
        self._sweeping: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether processes can be made right now; else `open` first."""
        return self._zygote is not None

    async def open(self) -> None:
        """Start the zygote unless it runs."""
        if self._zygote is not None:
            return
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._start())
        # It is not for one of its waiters alone, who may go away.
        await asyncio.shield(self._opening)

    async def _start(self) -> None:
        try:
            self._zygote = await Zygote.start(self._settings.preload, self._env, self)
        finally:
            self._opening = None

    async def close(self) -> None:
        """End every process and wait for it."""
        if self._opening is not None:
            with contextlib.suppress(OSError, ZygoteFailed):
                await self._opening
        zygote, self._zygote = self._zygote, None
        for worker in self._alive.values():
            worker.close()
        self._alive.clear()
        if zygote is not None:
            await zygote.close()
        if self._sweeping:
            await asyncio.gather(*self._sweeping, return_exceptions=True)

    def run(self, plan: WarmPlan) -> Worker:
        """Give the attempt to an idle worker (one with a pid), or to a new one."""
        worker = self._idle.take(plan.key) or self._fork(plan)
        worker.order(Run(plan.args, plan.env, plan.inputs))
        return worker

    def run_elements(self, plan: WarmPlan, frame: RunElements) -> Worker:
        """Give elements of an array to an idle worker (one with a pid), or to a new one."""
        worker = self._idle.take(plan.key) or self._fork(plan)
        worker.order(frame)
        return worker

    def execute(self, plan: ProgramPlan) -> Worker:
        """Run a program of its own."""
        zygote = self._open_zygote()
        number = self._number()
        scratch = f"{zygote.scratch}/{number}"
        work, temporary = Path(scratch, "work"), Path(scratch, "tmp")
        work.mkdir(parents=True)
        temporary.mkdir()
        worker = self._alive[number] = Worker(number, None, scratch)
        base = self._env if plan.image is None else plan.image.entered(self._env)
        env = {**base, "TMPDIR": str(temporary), **plan.env}
        fd = zygote.execute(number, plan.argv, env, str(work))
        worker.output = Output(fd, lambda data: self._listener.printed(worker, data))
        return worker

    def private_folder(self) -> Path:
        """Make a folder that only this user can read; it is gone with the zygote at the latest."""
        return Path(tempfile.mkdtemp(prefix="s-", dir=self._open_zygote().scratch))

    def signal(self, worker: Worker, number: int) -> None:
        """Send a signal to a process and everything below it."""
        if self._zygote is not None and worker.number in self._alive:
            self._zygote.signal(worker.number, number)

    def release(self, worker: Worker, done: Done, *, reusable: bool) -> None:
        """Take back a warm worker whose attempt ended."""
        if not worker.base_rss:
            worker.base_rss = done.rss_bytes
        grown = done.rss_bytes - worker.base_rss > self._settings.rss_growth_bytes
        worn = worker.attempts >= self._settings.attempts_per_worker
        if reusable and not (done.retire or grown or worn):
            self._idle.put(worker)
        else:
            self._retire(worker)

    def forked(self, worker: int, pid: int) -> None:
        """The zygote made a process."""
        if worker in self._alive:
            self._alive[worker].pid = pid
            self._listener.started(self._alive[worker])

    def not_forked(self, worker: int, error: int, message: str) -> None:
        """The zygote could not make a process."""
        gone = self._bury(worker)
        if gone is not None:
            self._listener.not_started(gone, error, message)

    def exited(self, worker: int, status: int, used: AttemptUse) -> None:
        """The zygote saw a process end."""
        gone = self._bury(worker)
        if gone is not None:
            self._listener.ended(gone, status, gone.used_last(used))

    def lost(self) -> None:
        """The zygote died; the kernel ends its children with it."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            self._sweep(zygote.close())
        for number in list(self._alive):
            gone = self._bury(number)
            if gone is not None:
                self._listener.lost(gone)

    def _fork(self, plan: WarmPlan) -> Worker:
        zygote = self._open_zygote()
        number = self._number()
        control, output, scratch = zygote.fork(number, dict(plan.key.env))
        worker = self._alive[number] = Worker(number, plan.key, scratch)

        def hear(frame: Frame) -> None:
            if isinstance(frame, Done) and worker.output is not None:
                worker.count(frame.used)
                worker.output.drain()
                self._listener.done(worker, frame)
            elif isinstance(frame, ElementsDone) and worker.output is not None:
                worker.output.drain()
                self._listener.elements_done(worker, frame)

        # A worker whose channel breaks is of no use any more; the zygote tells how it ended.
        worker.channel = FrameChannel(control, hear, lambda: self._retire(worker))
        worker.output = Output(output, lambda data: self._listener.printed(worker, data))
        return worker

    def _retire(self, worker: Worker) -> None:
        self._idle.discard(worker)
        self.signal(worker, signal.SIGKILL)

    def _bury(self, number: int) -> Worker | None:
        worker = self._alive.pop(number, None)
        if worker is not None:
            self._idle.discard(worker)
            worker.close()
            worker.read_last_words()
            self._sweep(asyncio.to_thread(shutil.rmtree, worker.scratch, True))
        return worker

    def _sweep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._sweeping.add(task)
        task.add_done_callback(self._sweeping.discard)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _open_zygote(self) -> Zygote:
        if self._zygote is None:
            raise RuntimeError("the zygote is not open")
        return self._zygote
