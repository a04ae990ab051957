"""Cached results: looked up before a task's first attempt, kept after its success.

Many nodes are looked up together. Whatever the catalog does, a node goes on: without an answer it does
its work itself. A hit counts only if all data that the result names is there.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from flytelike.codec.cache_key import unnamed_data, with_inputs
from flytelike.codec.data_uris import data_uris
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.model.caching import CacheEntry, CacheKey, CacheNote, CacheSource, CacheStatus, CacheUse, CatalogUse
from flytelike.model.ids import ExecutionId, NodePath
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import LookUpCache, ReleaseReservation
from propeller.core.events import CacheFound, CacheFreed, CacheMissed, CacheTaken, Event
from propeller.core.node_state import Collecting, LookingUp, Running, Started
from propeller.core.plan import TaskWork
from propeller.engine import places
from propeller.engine.entries import DATA_LOST, entries_there
from propeller.engine.outside import Ports
from propeller.engine.reservations import Reservations
from propeller.engine.run import Arrival, Errand, Kept, LookUpMany, Run
from propeller.engine.settings import EngineSettings
from propeller.engine.troubles import cause_of
from propeller.engine.values import Values

_LOG = logging.getLogger(__name__)

AT_ONCE = 250
"""How many nodes are looked up together; bounds how long the event loop is kept busy."""

OVERWRITTEN = "overwritten"
"""Why a result was not looked for: the execution computes everything anew."""
CATALOG_FAILED = "catalog_failed"

Post = Callable[[Run, Arrival], None]


def grouped(errands: Iterable[Errand]) -> Iterator[Errand]:
    """Yield errands with the look-ups put together."""
    asked: list[LookUpCache] = []
    for errand in errands:
        if isinstance(errand, LookUpCache):
            asked.append(errand)
        else:
            yield errand
    for first in range(0, len(asked), AT_ONCE):
        yield LookUpMany(tuple(asked[first : first + AT_ONCE]))


@dataclass(slots=True)
class _Asked:
    """A node whose result is looked for."""

    command: LookUpCache
    inputs: pb.LiteralMap
    key: CacheKey
    digest: str
    serialize: bool
    why: str = ""
    entry: CacheEntry | None = None


@dataclass(slots=True)
class _Answers:
    """What was found out about a batch."""

    hits: list[_Asked] = field(default_factory=list)
    misses: list[_Asked] = field(default_factory=list)
    taken: list[tuple[_Asked, int]] = field(default_factory=list)


class Lookups:
    """Asks the catalog and tells the executions."""

    def __init__(self, post: Post, values: Values, ports: Ports, settings: EngineSettings) -> None:
        """Start with nothing reserved."""
        self._post = post
        self._values = values
        self._catalog = ports.catalog
        self._blobs = ports.blobs
        self._clock = ports.clock
        self._settings = settings
        self.reservations = self._reservations = Reservations(ports.catalog, ports.clock, settings, self._freed)

    def close(self) -> None:
        """Renew no reservation any more."""
        self._reservations.close()

    def forget(self, execution: ExecutionId) -> None:
        """Drop what is kept in memory of an execution."""
        self._reservations.forget(execution)

    async def carry_out(self, run: Run, errand: LookUpCache | LookUpMany | ReleaseReservation) -> None:
        """Do an errand."""
        match errand:
            case LookUpCache():
                await self.look_up(run, [errand])
            case LookUpMany(commands=commands):
                await self.look_up(run, commands)
            case ReleaseReservation(path=path):
                await self.release(run, path)
            case unreachable:
                assert_never(unreachable)

    async def look_up(self, run: Run, commands: Sequence[LookUpCache]) -> None:
        """Look for the results of nodes and tell what was found."""
        asked: list[_Asked] = []
        for command in commands:
            if run.state.get(command.path) == LookingUp(command.round):
                await self._prepare(run, command, asked)
        try:
            answers = await self._answers(run, asked)
            kept = await self._taken_over(run, answers.hits)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if cause_of(error) is not None:
                raise  # The machine's trouble is waited out: equal work is done once all the same.
            _LOG.warning("results of %s cannot be looked up, they are computed: %s", run.id, error)
            for one in asked:
                self._missed(run, one, CacheNote(CacheStatus.LOOKUP_FAILURE, one.key, why=CATALOG_FAILED))
            return
        self._tell(run, answers, kept)
        await self._count(answers)

    async def store(self, run: Run, kept: "Given") -> CacheNote | None:
        """Keep what an attempt gave, if the node wants it; return what is to be told of it."""
        work = run.state.plan.place(kept.path).node.work
        if not isinstance(work, TaskWork) or not work.cached or not run.state.header.limits.cached:
            return None
        state = run.state.get(kept.path)
        if not isinstance(state, Started | Running | Collecting) or state.attempt != kept.attempt:
            return None
        key, claim = None, self._reservations.end(run, kept.path)
        try:
            key = await self.key(run, kept.path)
            started_ns = kept.at_ns if isinstance(state, Started) else state.started_ns
            await self._put(run, kept, key, max(0, kept.at_ns - started_ns))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a result that cannot be kept is a result
            _LOG.warning("the result of %s/%s cannot be cached: %s", run.id, kept.path, error)
            why = DATA_LOST if isinstance(error, _DataLost) else CATALOG_FAILED
            run.cache_keys.pop(kept.path, None)
            await self._reservations.release(claim)
            return CacheNote(CacheStatus.PUT_FAILURE, key, why=why)
        return CacheNote(CacheStatus.POPULATED, key)

    async def release(self, run: Run, path: NodePath) -> None:
        """Let others do a node's work."""
        run.cache_keys.pop(path, None)
        await self._reservations.release(self._reservations.end(run, path))

    async def hold(self, run: Run, path: NodePath) -> None:
        """Reserve again what this node's attempt had reserved before the engine was restarted."""
        work = run.state.plan.place(path).node.work
        if not isinstance(work, TaskWork) or not work.serialize or not run.state.header.limits.cached:
            return
        if not self._reservations.has(run, path):
            try:
                key = await self.key(run, path)
                await self._reservations.take(run, {path: key.digest})
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - the attempt runs all the same
                _LOG.warning("%s/%s cannot be reserved: %s", run.id, path, error)

    async def key(self, run: Run, path: NodePath) -> CacheKey:
        """Return the key of a node's work. Raises `BindingFailed`."""
        key = run.cache_keys.get(path)
        if key is None:
            key = await self._key(run, path, await self._values.inputs(run, path))
        return key

    async def _key(self, run: Run, path: NodePath, inputs: pb.LiteralMap) -> CacheKey:
        given, ignored = literal_map_from_proto(inputs), run.program.cache_policy(path).ignored_inputs
        unnamed = unnamed_data(given, ignored)
        contents = await self._blobs.digests(unnamed) if unnamed else {}
        return with_inputs(run.program.work_key(path), given, ignored, contents)

    # --- looking up -------------------------------------------------------------------------

    async def _prepare(self, run: Run, command: LookUpCache, asked: list[_Asked]) -> None:
        path = command.path
        work = run.state.plan.place(path).node.work
        try:
            inputs = await self._values.inputs(run, path)
            key = await self._key(run, path, inputs)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the attempt meets the same fault, and tells it
            _LOG.info("%s/%s has no key: %s", run.id, path, error)
            note = CacheNote(CacheStatus.LOOKUP_FAILURE, why="inputs_unreadable")
            self._post(run, Arrival(CacheMissed(path, command.round, self._clock.now_ns(), note)))
            return
        run.cache_keys[path] = key
        serialize = isinstance(work, TaskWork) and work.serialize
        asked.append(_Asked(command, inputs, key, key.digest, serialize))

    async def _answers(self, run: Run, asked: Sequence[_Asked]) -> _Answers:
        answers = _Answers()
        overwrite = run.request.cache is CacheUse.OVERWRITE
        if not overwrite:
            await self._find(asked)
        rest = [one for one in asked if one.entry is None]
        taken = await self._reserved(run, [one for one in rest if one.serialize], again=not overwrite)
        for one in asked:
            if one.entry is not None:
                answers.hits.append(one)
            elif (until_ns := taken.get(one.command.path)) is not None:
                answers.taken.append((one, until_ns))
            else:
                answers.misses.append(one)
        return answers

    async def _find(self, asked: Sequence[_Asked]) -> None:
        """Give each its entry, if there is one whose data is there; drop those whose data is gone."""
        if not asked:
            return
        entries, lost = await entries_there(self._catalog, self._blobs, {one.digest: one.key for one in asked})
        for one in asked:
            if one.digest in lost:
                one.why = DATA_LOST
            else:
                one.entry = entries.get(one.digest)

    async def _reserved(self, run: Run, asked: Sequence[_Asked], *, again: bool) -> Mapping[NodePath, int]:
        """Reserve work; return until when each node waits whose work somebody else does."""
        if not asked:
            return {}
        wanted = {one.command.path: one.digest for one in asked}
        taken = await self._reservations.take(run, wanted)
        ours = [one for one in asked if one.command.path not in taken]
        if again:
            # Who had it may have put its result and let go between our look and our turn.
            await self._find(ours)
        for one in ours:
            given_up = run.state.get(one.command.path) != LookingUp(one.command.round)
            if one.entry is not None or given_up:
                await self._reservations.release(self._reservations.end(run, one.command.path))
        return taken

    async def _taken_over(self, run: Run, hits: Sequence[_Asked]) -> Mapping[NodePath, Kept | None]:
        """Give nodes the outputs that were found, at their own places."""
        kept: dict[NodePath, Kept | None] = {}
        documents: dict[str, bytes] = {}
        prefix = self._settings.metadata_prefix
        for one in hits:
            assert one.entry is not None
            path, data = one.command.path, one.entry.outputs
            small = bool(data)
            if not small:
                data = await self._blobs.read(one.entry.outputs_uri)
            if small:
                documents[places.outputs_name(path, 0)] = data
            else:
                await self._blobs.write(places.outputs_uri(prefix, run.id, path, 0), data)
            documents[places.inputs_name(path)] = serialise(one.inputs)
            kept[path] = Kept(path, 0, data) if small else None
            self._values.keep(run, path, parse(pb.LiteralMap, data), len(data))
        if documents:
            await self._blobs.pack(places.folder(prefix, run.id), documents)
        for one in hits:
            if kept[one.command.path] is None:
                await self._blobs.sync(places.outputs_uri(prefix, run.id, one.command.path, 0))
        return kept

    def _tell(self, run: Run, answers: _Answers, kept: Mapping[NodePath, Kept | None]) -> None:
        now_ns = self._clock.now_ns()
        for one in answers.hits:
            assert one.entry is not None
            path = one.command.path
            run.cache_keys.pop(path, None)
            note = CacheNote(CacheStatus.HIT, one.key, one.entry.source)
            self._post(run, Arrival(CacheFound(path, one.command.round, now_ns, note), kept[path]))
        for one in answers.misses:
            overwrite = run.request.cache is CacheUse.OVERWRITE
            status = CacheStatus.SKIPPED if overwrite else CacheStatus.MISS
            self._missed(run, one, CacheNote(status, one.key, why=OVERWRITTEN if overwrite else one.why))
        for one, until_ns in answers.taken:
            path = one.command.path
            self._reservations.await_turn(run, path, one.command.round, one.digest)
            note = CacheNote(CacheStatus.MISS, one.key, why="computed_elsewhere")
            self._post(run, Arrival(CacheTaken(path, one.command.round, now_ns, until_ns, note)))

    def _missed(self, run: Run, one: _Asked, note: CacheNote) -> None:
        self._post(run, Arrival(CacheMissed(one.command.path, one.command.round, self._clock.now_ns(), note)))

    async def _count(self, answers: _Answers) -> None:
        uses = [CatalogUse(one.key, one.digest, False) for one in answers.misses]
        found = [(one, one.entry) for one in answers.hits if one.entry is not None]
        uses.extend(CatalogUse(one.key, one.digest, True, entry.duration_ns) for one, entry in found)
        try:
            await self._catalog.count(uses)
        except Exception as error:  # noqa: BLE001 - they are statistics
            _LOG.info("uses of the cache are not counted: %s", error)

    def _freed(self, run: Run, path: NodePath, asked: int) -> None:
        event: Event = CacheFreed(path, asked, self._clock.now_ns())
        self._post(run, Arrival(event))

    # --- keeping ----------------------------------------------------------------------------

    async def _put(self, run: Run, kept: "Given", key: CacheKey, duration_ns: int) -> None:
        path = kept.path
        uris = data_uris(literal_map_from_proto(kept.outputs))
        there = await self._blobs.sizes(uris) if uris else {}
        gone = [uri for uri in uris if uri not in there]
        if gone:
            raise _DataLost(f"there is nothing at {gone[0]}")
        small = len(kept.data) <= self._settings.inline_outputs_bytes_max
        uri = places.outputs_uri(self._settings.metadata_prefix, run.id, path, kept.attempt)
        source = CacheSource(run.id, path, kept.attempt, run.program.task(path).id.version)
        size = len(kept.data) + sum(there.values())
        ttl_ns = run.program.cache_policy(path).ttl_ns
        expires_ns = kept.at_ns + ttl_ns if ttl_ns else 0
        await self._catalog.put(
            CacheEntry(key, source, kept.data if small else b"", uri, uris, size, duration_ns, kept.at_ns, expires_ns)
        )
        run.cache_keys.pop(path, None)
        self._reservations.wake(key.digest)


@dataclass(frozen=True, slots=True)
class Given:
    """What an attempt gave: `data` is the document that `outputs` was read from."""

    path: NodePath
    attempt: int
    at_ns: int
    data: bytes
    outputs: pb.LiteralMap


class _DataLost(Exception):
    """Something that a result names is not there."""
