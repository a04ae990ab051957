"""Deleting folders of the object store that nobody needs, part by part."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from flytelike.controlplane.collecting.owners import Claim, Owner, Readings, data_readings, document_readings, owners
from flytelike.controlplane.collecting.report import Heap, Report
from flytelike.controlplane.collecting.survey import Survey, location
from flytelike.controlplane.database import Database
from flytelike.controlplane.layout import Layout
from flytelike.controlplane.repository import surviving as rows
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId
from flytelike.storage import Store
from flytelike.storage.sweeping import Extent, Keep, delete_below, delete_unfinished, extent, names

FOLDERS_AT_ONCE = 200
_SHARD = re.compile(r"[0-9a-z]{2}\Z")
_PLAIN = re.compile(r"[^/\\\x00-\x1f]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where and when is swept. What nobody owns goes only when it was written after `began_ns` and before `old_ns`.

    What is older than the database may belong to one that was moved away; what is new may be named soon. Folders of
    documents of `strangers` stay, which run without the control plane's knowing.
    """

    settings: Settings
    layout: Layout
    projects: frozenset[str]
    domains: tuple[str, ...]
    began_ns: int
    old_ns: int
    strangers: frozenset[str] = frozenset()

    @property
    def places(self) -> Sequence[tuple[str, str]]:
        """All projects and domains."""
        return [(project, domain) for project in sorted(self.projects) for domain in self.domains]

    def is_stale(self, found: Extent) -> bool:
        """Tell whether something that nobody owns or names may go."""
        return self.began_ns < found.newest_ns < self.old_ns


class Sweep:
    """Goes through the platform's folders. Each method yields after each part, so that others get their turn."""

    def __init__(
        self, database: Database, store: Store, ground: Ground, survey: Survey, report: Report, going: set[int]
    ) -> None:
        """Delete in `store` what nobody in `survey` refers to, and count it in `report`."""
        self._database = database
        self._store = store
        self._ground = ground
        self._survey = survey
        self._report = report
        self._going = going
        self.kept: set[ExecutionId] = set()
        """Executions of which anything stays."""

    async def data(self) -> AsyncIterator[None]:
        """Delete the data folders of executions on their way out, and those of executions that are gone."""
        raw = self._ground.settings.raw_prefix
        places = self._ground.places
        for shard in sorted(await self._names(raw)):
            if not _SHARD.match(shard):
                continue
            readings = data_readings(self._ground.layout, shard, places)
            async for folder, claim in self._owned(f"{raw}/{shard}", readings):
                await self._data_folder(f"{shard}/{folder}", claim)
                yield

    async def documents(self) -> AsyncIterator[None]:
        """Delete the folders of inputs and outputs, but for documents that others have for theirs."""
        readings = document_readings(self._ground.projects, self._ground.domains)
        root = self._ground.layout.documents
        async for folder, claim in self._owned(root, readings):
            if folder not in self._ground.strangers:
                await self._document_folder(f"{root}/{folder}", claim)
            yield

    async def inputs(self) -> AsyncIterator[None]:
        """Delete the folders of what executions were started with."""
        root = f"{self._ground.settings.base}/metadata/executions"
        for project, domain in self._ground.places:
            prefix = f"{root}/{project}/{domain}"
            readings = exactly(project, domain)
            async for folder, claim in self._owned(prefix, readings):
                await self._document_folder(f"{prefix}/{folder}", claim)
                yield

    async def uploads(self) -> AsyncIterator[None]:
        """Delete uploads that nothing names: neither code that is registered nor a value."""
        root = f"{self._ground.settings.base}/{self._ground.settings.upload_prefix}"
        for project in await self._names(root):
            for domain in await self._names(f"{root}/{project}"):
                for folder in await self._names(f"{root}/{project}/{domain}"):
                    place = f"{project}/{domain}/{folder}"
                    if folder not in self._survey.digests and self._survey.uploads.referrer(place) is None:
                        await self._orphan(f"{root}/{place}")
                    yield

    async def graphs(self) -> AsyncIterator[None]:
        """Delete the graphs of versions that were not registered in the end."""
        root = f"{self._ground.settings.base}/closures"
        for shard in await self._names(root):
            for some in parts(await self._names(f"{root}/{shard}")):
                uris = [f"{root}/{shard}/{name}" for name in some]
                named = await self._database.read(partial(rows.graphs_named, uris=uris))
                for uri in uris:
                    letters = uri.rpartition("/")[2].removesuffix(".pb")
                    if uri not in named and letters not in self._survey.digests:
                        await self._orphan(uri)
                yield

    async def unfinished(self) -> None:
        """Delete what writers that died left half written."""
        prefixes = {self._ground.settings.base, self._ground.settings.raw_prefix}
        for prefix in sorted(prefixes):
            found = await asyncio.to_thread(
                delete_unfinished, prefix, self._ground.old_ns, dry_run=self._report.dry_run
            )
            self._report.orphans.count += found.objects
            self._report.orphans.size_bytes += found.size_bytes

    async def _owned(self, root: str, readings: Readings) -> AsyncIterator[tuple[str, Claim]]:
        """Yield the folders below a root that are ours and not of an execution that stays."""
        for some in parts(await self._names(root)):
            found = await self._database.read(partial(owners, folders=some, readings=readings, going=self._going))
            for folder, claim in found.items():
                if claim.owner in {Owner.GOES, Owner.UNKNOWN}:
                    yield folder, claim

    async def _data_folder(self, place: str, claim: Claim) -> None:
        uri = f"{self._ground.settings.raw_prefix}/{place}"
        by = self._survey.data.referrer(place)
        if by is not None:
            self._report.keep(place, by, await self._extent(uri))
            self.kept.update(claim.executions)
        elif await self._may_go(uri, claim):
            await self._delete(uri, self._report.data)

    async def _may_go(self, uri: str, claim: Claim) -> bool:
        return claim.owner is Owner.GOES or self._ground.is_stale(await self._extent(uri))

    async def _document_folder(self, uri: str, claim: Claim) -> None:
        named, root = self._survey.documents, location(uri)
        kept: set[str] = set()

        def keep(path: str) -> bool:
            place = f"{root}/{path}"
            if self._survey.keeps(place):
                kept.add(place)
            return place in kept

        if await self._may_go(uri, claim):
            await self._delete(uri, self._report.documents, keep)
        for place in sorted(kept):
            by = named.get(place) or next(by for one, by in named.items() if one.startswith(f"{root}/"))
            self._report.keep(place, by, await self._extent(f"{uri}{place[len(root) :]}"))
            self.kept.update(claim.executions)

    async def _orphan(self, uri: str) -> None:
        if self._ground.is_stale(await self._extent(uri)):
            await self._delete(uri, self._report.orphans)

    async def _delete(self, uri: str, heap: Heap, keep: Keep | None = None) -> None:
        work = extent if self._report.dry_run else delete_below
        found = await asyncio.to_thread(work, self._store, uri, keep)
        if found.objects or keep is None:
            heap.add(found)

    async def _extent(self, uri: str) -> Extent:
        return await asyncio.to_thread(extent, self._store, uri)

    async def _names(self, uri: str) -> list[str]:
        found = await asyncio.to_thread(lambda: list(names(self._store, uri)))
        return [name for name in found if _PLAIN.match(name) and name not in {".", ".."}]


def exactly(project: str, domain: str) -> Readings:
    """Return how a folder is read that has an execution's very name."""

    def readings(folder: str) -> Iterator[ExecutionId]:
        yield ExecutionId(project, domain, folder)

    return readings


def parts(folders: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield folders in parts that are looked up at once."""
    for first in range(0, len(folders), FOLDERS_AT_ONCE):
        yield folders[first : first + FOLDERS_AT_ONCE]
