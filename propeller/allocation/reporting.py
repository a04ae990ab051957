"""Telling the control plane what is granted: soon after it has changed, and not too often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.queued import QuotaReport
from propeller.ports_allocation import QuotaReports

_LOG = logging.getLogger(__name__)

REST = 20
"""How many times longer than to make a report it is rested from that: lines may be long."""

Read = Callable[[], Awaitable[QuotaReport | None]]


class Reporting:
    """Sends a report after it was `touched`. What cannot be sent is left to the next report. On one event loop."""

    def __init__(self, read: Read, reports: QuotaReports, pause_s: float) -> None:
        """Send what `read` gives, if it gives anything, with a pause between two reports."""
        self._read = read
        self._reports = reports
        self._pause_s = pause_s
        self._touched = asyncio.Event()
        self._going: asyncio.Task[None] | None = None

    def touched(self) -> None:
        """Take in that something may have changed."""
        self._touched.set()
        if self._going is None:
            self._going = asyncio.get_running_loop().create_task(self._go_on(), name="allocation-reports")

    async def close(self) -> None:
        """Send nothing more."""
        if self._going is not None:
            self._going.cancel()
            await asyncio.wait([self._going])

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._touched.wait()
            self._touched.clear()
            begun = loop.time()
            report = await self._read()
            took_s = loop.time() - begun
            if report is not None:
                await self._send(report)
            await asyncio.sleep(max(self._pause_s, REST * took_s))

    async def _send(self, report: QuotaReport) -> None:
        try:
            await self._reports.take(report)
        except DiagnosticError as error:
            _LOG.warning("what is granted could not be told: %s", error)
        except Exception:  # noqa: BLE001 - whatever it is, grants go on
            _LOG.exception("what is granted could not be told")
