"""The audit log: who changed what, from where, when, and how it ended.

Entries are added and read, never changed. Each is also a line of the program's log (`flytelike.audit`), for those who
gather logs elsewhere.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flytelike.controlplane.access.identity import Identity
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.audit import AuditFilter, AuditRow, add_entry, drop_entries, list_entries
from flytelike.model.redaction import redacted

HOUR_NS = 3600 * 1_000_000_000
TARGET_MAX = 500

audit_log = logging.getLogger("flytelike.audit")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from: the address of its connection, and the id that clients may give a request."""

    peer: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is being done: the RPC, and where."""

    method: str
    project: str = ""
    domain: str = ""
    target: str = ""


class AuditLog:
    """The use cases of the audit log."""

    def __init__(self, database: Database, clock: Clock, keep_ns: int) -> None:
        """Keep entries for `keep_ns` (0: for ever)."""
        self._database = database
        self._clock = clock
        self._keep_ns = keep_ns
        self._shortened_ns = 0

    def row(self, who: Identity, deed: Deed, origin: Origin, outcome: str, detail: str = "") -> AuditRow:
        """Return an entry that is not written yet."""
        return AuditRow(
            self._clock.now_ns(),
            who.user,
            who.via.value,
            who.credential,
            deed.method,
            deed.project,
            deed.domain,
            redacted(deed.target)[:TARGET_MAX],
            origin.peer,
            origin.request_id,
            outcome,
            detail,
        )

    async def add(self, row: AuditRow) -> None:
        """Append an entry. What cannot be written is told in the program's log: the call itself has happened."""
        try:
            await self._database.write(lambda connection: add_entry(connection, row))
        except Refusal as error:
            _LOG.error("an entry of the audit log could not be written: %s", error)
        await self.tell(row)

    async def tell(self, row: AuditRow) -> None:
        """Tell the program's log of an entry, and drop old ones now and then."""
        audit_log.info("%s", json.dumps({name: value for name, value in asdict(row).items() if value}))
        if self._keep_ns and row.at - self._shortened_ns > HOUR_NS:
            self._shortened_ns = row.at
            try:
                await self._database.write(lambda connection: drop_entries(connection, row.at - self._keep_ns))
            except Refusal as error:
                _LOG.error("old entries of the audit log could not be dropped: %s", error)

    async def entries(self, wanted: AuditFilter, before: int, limit: int) -> Sequence[AuditRow]:
        """Return a page of entries, the newest first, those with ids less than `before` (0: all)."""
        return await self._database.read(lambda connection: list_entries(connection, wanted, before, limit))
