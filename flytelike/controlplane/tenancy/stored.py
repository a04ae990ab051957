"""How much projects have stored, held to the limits on it."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TypeAlias

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.layout import Layout
from flytelike.controlplane.repository.stored import attempts_of, note_stored, stored_by_place, unmeasured
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.model.ids import ExecutionId
from flytelike.model.quota import STORED_BYTES, QuotaPlace, shown_amount, shown_number
from flytelike.storage import Store
from flytelike.storage.sweeping import extent, names

PAUSE_S = 0.5
"""How long what ends is gathered before it is looked at: many at once."""
AT_ONCE = 100
UPLOADS_S = 5.0
"""How old what is known of uploads may be."""

Sizes: TypeAlias = Mapping[tuple[str, str], int]
"""Bytes by project and domain."""

log = logging.getLogger(__name__)


class Stored:
    """Measures what executions have stored once they have ended, where there is a limit on it.

    What an execution has stored is given back with its row, when it is collected. Used on one event loop; several
    servers on one database may measure the same, with the same result.
    """

    def __init__(
        self, database: Database, store: Store, settings: Settings, tenancy: TenancyCases, layout: Layout | None
    ) -> None:
        """Measure in `store` where `layout` says that things lie; without one only uploads count."""
        self._database = database
        self._store = store
        self._settings = settings
        self._tenancy = tenancy
        self.layout = layout
        self._uploads: Sizes = {}
        self._uploads_at = -UPLOADS_S
        self._due: asyncio.TimerHandle | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._closed = False
        tenancy.on_changed(lambda _: self.touched())

    def touched(self) -> None:
        """Take in that something has happened: executions that have ended are looked at soon, if it matters."""
        if self._due is None and not self._closed and is_bounded(self._tenancy.rules):
            self._due = asyncio.get_running_loop().call_later(PAUSE_S, self._start)

    async def check(self, project: str, domain: str) -> None:
        """Raise Refusal RESOURCE_EXHAUSTED `storage-used-up` if a project's domain may store nothing more."""
        rules = self._tenancy.rules
        places = [place for place in rules.places(project, domain) if limit_of(rules, place) is not None]
        if not places:
            return
        used = await self.uses()
        for place in places:
            limit = limit_of(rules, place) or 0
            if used.get(place, 0) >= limit:
                raise refusal(
                    Status.RESOURCE_EXHAUSTED,
                    "storage-used-up",
                    f"{place} has {shown_amount(STORED_BYTES, used.get(place, 0))}, and may have "
                    f"{shown_number(STORED_BYTES, limit)}",
                    "delete what nobody needs: `flytelike gc --older-than 30d`, `flytelike delete execution`",
                    "or have the limit raised",
                )

    async def uses(self) -> Mapping[QuotaPlace, int]:
        """Return how much is stored by place; nothing where no limit asks for it."""
        rules = self._tenancy.rules
        if not is_bounded(rules):
            return {}
        sizes = Counter(await self._database.read(stored_by_place))
        sizes.update(await self._of_uploads())
        used: Counter[QuotaPlace] = Counter()
        for (project, domain), size in sizes.items():
            for place in rules.places(project, domain):
                used[place] += size
        return used

    async def measure(self) -> None:
        """Look at all executions that have ended and were not looked at yet."""
        while found := await self._database.read(
            partial(unmeasured, projects=bounded_projects(self._tenancy.rules), most=AT_ONCE)
        ):
            sizes = {number: await self._size(number, execution) for number, execution in found}
            await self._database.write(partial(note_stored, sizes=sizes))

    async def close(self) -> None:
        """Look at nothing more."""
        self._closed = True
        if self._due is not None:
            self._due.cancel()
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)

    def _start(self) -> None:
        self._due = None
        if self._measuring is not None and not self._measuring.done():
            self.touched()
            return
        self._measuring = asyncio.get_running_loop().create_task(self._measured(), name="controlplane-stored")

    async def _measured(self) -> None:
        try:
            await self.measure()
        except Exception:
            log.exception("what executions have stored could not be measured")

    async def _size(self, number: int, execution: ExecutionId) -> int:
        layout, settings = self.layout, self._settings
        if layout is None:
            return 0
        attempts = await self._database.read(partial(attempts_of, execution=number))
        folders = [f"{layout.documents}/{layout.document_folder(execution)}"]
        folders.append(f"{settings.base}/metadata/executions/{execution.project}/{execution.domain}/{execution.name}")
        for path, attempt in set(attempts):
            folder = layout.data_folder(execution, path, attempt)
            folders.append(f"{settings.raw_prefix}/{layout.shard(execution, folder)}/{folder}")
        return await asyncio.to_thread(self._extents, folders)

    async def _of_uploads(self) -> Sizes:
        if time.monotonic() - self._uploads_at > UPLOADS_S:
            self._uploads = await asyncio.to_thread(self._measure_uploads)
            self._uploads_at = time.monotonic()
        return self._uploads

    def _measure_uploads(self) -> Sizes:
        root = f"{self._settings.base}/{self._settings.upload_prefix}"
        projects = bounded_projects(self._tenancy.rules)
        found = [name for name in names(self._store, root) if projects is None or name in projects]
        places = [(project, domain) for project in found for domain in names(self._store, f"{root}/{project}")]
        return {place: extent(self._store, f"{root}/{place[0]}/{place[1]}").size_bytes for place in places}

    def _extents(self, folders: list[str]) -> int:
        return sum(extent(self._store, folder).size_bytes for folder in folders)


def is_bounded(rules: Rules) -> bool:
    """Tell whether there is any limit on what is stored."""
    return any(STORED_BYTES in terms.limits for terms in rules.quotas.values())


def bounded_projects(rules: Rules) -> frozenset[str] | None:
    """Return the projects of which it matters what they have stored; None for all."""
    bounded = [place for place, terms in rules.quotas.items() if STORED_BYTES in terms.limits]
    if any(not place.project for place in bounded):
        return None  # Those of the default team are named nowhere.
    return frozenset(place.project for place in bounded)


def limit_of(rules: Rules, place: QuotaPlace) -> int | None:
    """Return how much a place may store; None for any amount."""
    terms = rules.quotas.get(place)
    return None if terms is None else terms.limits.get(STORED_BYTES)
