"""The quotas that attempts are granted by, heard from the control plane as they change; what is granted, said to it."""

import asyncio
import logging
from collections.abc import Mapping

from typing_extensions import override

from flytelike.codec.quota_reports import report_to_proto
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.queued import QuotaReport
from flytelike_idl.service import propeller_pb2 as pb
from propeller.app.control_plane.connection import CALL_S, ControlPlaneConnection, Refused
from propeller.core.fairness import Quota
from propeller.ports_allocation import QuotaReports, QuotaSource, Tenants

_LOG = logging.getLogger(__name__)

PAUSE_S, PAUSE_S_MAX = 0.2, 5.0


class RemoteQuotas(QuotaSource):
    """Quotas of a control plane that is elsewhere: those heard last hold while it is away."""

    def __init__(self) -> None:
        """Know nothing yet; `hear` listens."""
        self._quotas: Mapping[tuple[str, ...], Quota] = {}
        self._tenants = Tenants()
        self._heard = asyncio.Event()

    @override
    def quotas(self) -> Mapping[tuple[str, ...], Quota]:
        return self._quotas

    @override
    def tenants(self) -> Tenants:
        return self._tenants

    @override
    async def known(self) -> None:
        await self._heard.wait()

    async def hear(self, connection: ControlPlaneConnection) -> None:
        """Take in what the control plane says, without end."""
        pause_s = PAUSE_S
        while True:
            try:
                call = connection.stub.WatchQuotas(
                    pb.WatchQuotasRequest(), metadata=connection.metadata, wait_for_ready=True
                )
                async for told in connection.stream(call):
                    pause_s = PAUSE_S
                    self._take(told)
                _LOG.info("the control plane has closed the news of quotas; asking again")
            except (DiagnosticError, Refused, OSError) as error:
                _LOG.warning("changes of quotas are not heard for a while: %s", error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    def _take(self, told: pb.WatchQuotasResponse) -> None:
        self._quotas = {
            tuple(one.path): Quota(one.weight, dict(one.guaranteed), dict(one.limits)) for one in told.quotas
        }
        self._tenants = Tenants(dict(told.teams))
        self._heard.set()


class RemoteReports(QuotaReports):
    """What is granted, said to a control plane that is elsewhere."""

    def __init__(self, connection: ControlPlaneConnection) -> None:
        """Tell through `connection`."""
        self._connection = connection

    @override
    async def take(self, report: QuotaReport) -> None:
        at = self._connection
        await at.call(at.stub.ReportQuotaUse(report_to_proto(report), timeout=CALL_S, metadata=at.metadata))
