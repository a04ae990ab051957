"""Cached results of an array's elements: looked up before they run, many at once, and kept when they succeed.

An element that waits for equal work is open to the core like one that runs: who waits is known here only, and asks
again after a restart, since all that is open is started again then.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from flytelike.codec.cache_key import input_digests, unnamed_data, with_inputs
from flytelike.codec.data_uris import data_uris
from flytelike.codec.elements import mapped_lists
from flytelike.codec.literals import literal_from_proto, literal_map_from_proto
from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, CacheStatus, CacheUse, CatalogUse, Claim
from flytelike.model.ids import NodePath
from flytelike.model.literals import Literal
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import StartElements
from propeller.core.elements import Elements, Span, element_path, spans_of
from propeller.core.events import ElementsEnded
from propeller.core.node_state import Mapped
from propeller.core.plan import ArrayWork, TaskWork, scope_of
from propeller.engine.entries import entries_there
from propeller.engine.outside import Ports
from propeller.engine.reservations import Reservations
from propeller.engine.run import Arrival, ElementOutputs, OpenedArray, Run, WithdrawElements
from propeller.engine.settings import EngineSettings
from propeller.engine.values import Values
from propeller.ports import Blobs

_LOG = logging.getLogger(__name__)

Post = Callable[[Run, Arrival], None]
Give = Callable[[Run, StartElements | WithdrawElements], None]
UriOf = Callable[[Run, NodePath, int, ElementOutputs], str]


class GivenByElement(NamedTuple):
    """What an attempt of an element gave: its document, how that is kept, and about how long it ran."""

    kept: ElementOutputs
    document: bytes
    outputs: pb.LiteralMap
    took_ns: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attempt of an element, the key of its work, and the key's digest."""

    index: int
    attempt: int
    key: CacheKey
    digest: str


@dataclass(slots=True)
class _Answers:
    """What was found out about some elements."""

    hits: list[tuple[_Asked, CacheEntry]] = field(default_factory=list)
    misses: list[_Asked] = field(default_factory=list)
    waiting: dict[int, list[_Asked]] = field(default_factory=dict)
    """Elements whose work somebody else does, by the instant to ask again."""


class ElementCache:
    """Asks the catalog for elements, and tells it of what they gave."""

    def __init__(
        self, post: Post, give: Give, values: Values, ports: Ports, settings: EngineSettings, reservations: Reservations
    ) -> None:
        """Connect; `give` takes starts that are to be tried again."""
        self._post = post
        self._give = give
        self._values = values
        self._catalog = ports.catalog
        self._blobs = ports.blobs
        self._clock = ports.clock
        self._settings = settings
        self._reservations = reservations

    def asks(self, run: Run, path: NodePath) -> bool:
        """Tell whether the catalog has to do with an array's elements; not where they are no tasks."""
        work = task_of(run, path)
        return work is not None and work.cached and run.state.header.limits.cached

    async def misses(
        self, run: Run, array: OpenedArray, command: StartElements, spans: Sequence[Span], uri_of: UriOf
    ) -> Sequence[Span]:
        """Take the results of elements that are there; return those elements that have to run now.

        Of those that wait for others a command is given again when it is time.
        """
        try:
            asked = await self._asked(run, array, command.path, spans)
            for one in asked:
                array.keys[one.index] = one.key
            answers = await self._answers(run, command.path, asked)
            kept = await self._taken_over(run, command.path, answers.hits, uri_of)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the ports do, the elements go on
            _LOG.warning("elements of %s/%s cannot be looked up, they run: %s", run.id, command.path, error)
            return spans
        if kept:
            now_ns, hits = self._clock.now_ns(), spans_of((it.element, it.attempt) for it in kept)
            event = ElementsEnded(command.path, command.attempt, now_ns, hits, cache=CacheStatus.HIT)
            self._post(run, Arrival(event, elements=kept))
            for taken in kept:
                array.keys.pop(taken.element, None)
        for until_ns, waiting in answers.waiting.items():
            self._wait(run, array, command, waiting, until_ns)
        await self._count(answers)
        return spans_of((one.index, one.attempt) for one in answers.misses)

    async def keep(
        self, run: Run, path: NodePath, given: Sequence[GivenByElement], uri_of: UriOf, at_ns: int
    ) -> Mapping[CacheStatus, Sequence[ElementOutputs]]:
        """Keep what elements gave, if it is wanted; return them by what is to be told of the cache."""
        array = run.arrays.get(path)
        if array is None or not given:
            return {CacheStatus.DISABLED: [one.kept for one in given]}
        known: list[tuple[GivenByElement, CacheKey]] = []
        told: dict[CacheStatus, list[ElementOutputs]] = {}
        is_open = opened(run, path)
        for one in given:
            key = array.ended(one.kept.element) if is_open(one.kept.element, one.kept.attempt) else None
            if key is None:
                told.setdefault(CacheStatus.LOOKUP_FAILURE, []).append(one.kept)
            else:
                known.append((one, key))
        # Before the catalog frees them with what is put: a renewal on its way would take them again.
        ended = self._ended(run, path, [one for one, _ in known])
        try:
            entries = [self._entry(run, path, one, key, uri_of, at_ns) for one, key in known]
            there = await self._sizes({uri for entry in entries for uri in entry.uris})
            whole = [replace(it, size_bytes=it.size_bytes + _size(it, there)) for it in entries if _whole(it, there)]
            await self._catalog.put_many(whole)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - results that cannot be kept are results
            _LOG.warning("results of elements of %s/%s cannot be cached: %s", run.id, path, error)
            whole = []
        put = {entry.source.path for entry in whole}
        for one, _ in known:
            done = element_path(scope_of(path, 0), one.kept.element) in put
            told.setdefault(CacheStatus.POPULATED if done else CacheStatus.PUT_FAILURE, []).append(one.kept)
        if _serialized(run, path):
            await self._free(ended, {entry.key.digest for entry in whole})
        return told

    async def let_go(self, run: Run, path: NodePath, failed: Iterable[tuple[int, int]]) -> None:
        """Let others do the work of elements that failed; they ask again if they are tried again."""
        array = run.arrays.get(path)
        if array is None:
            return
        claims, is_open = [], opened(run, path)
        for index, attempt in failed:
            if is_open(index, attempt):
                array.ended(index)
                claim = self._reservations.end(run, element_path(scope_of(path, 0), index))
                claims.extend([claim] if claim is not None else [])
        await self._reservations.release_all(claims)

    async def let_all_go(self, run: Run, path: NodePath, attempt: int) -> None:
        """Let others do the work of an array that is stopped."""
        await self._reservations.release_all(self._reservations.end_below(run, scope_of(path, attempt)))

    # --- looking up -------------------------------------------------------------------------

    async def _asked(self, run: Run, array: OpenedArray, path: NodePath, spans: Sequence[Span]) -> list[_Asked]:
        """Return elements with their keys. Raises `BindingFailed` and what cannot be read."""
        inputs = await self._values.inputs(run, path)
        lists = mapped_lists(inputs, array.spec.shared)
        of_one = element_path(scope_of(path, 0), 0)
        ignored = run.program.cache_policy(of_one).ignored_inputs
        if array.key is None:
            shared = {n: literal_from_proto(it) for n, it in inputs.literals.items() if n not in lists}
            contents = await _contents(self._blobs, [shared], ignored)
            array.key = with_inputs(run.program.work_key(of_one), shared, ignored, contents)
        elements = list(each(spans))
        given = [{n: literal_from_proto(of.literals[index]) for n, of in lists.items()} for index, _ in elements]
        contents = await _contents(self._blobs, given, ignored)
        project, domain, task, interface, version, environment, shared_inputs = _parts(array.key)
        asked: list[_Asked] = []
        for (index, attempt), own in zip(elements, given, strict=True):
            counted = input_digests(own, ignored, contents)
            if shared_inputs:
                counted = tuple(sorted((*shared_inputs, *counted)))
            key = CacheKey(project, domain, task, interface, version, environment, counted)
            asked.append(_Asked(index, attempt, key, key.digest))
        return asked

    async def _answers(self, run: Run, path: NodePath, asked: Sequence[_Asked]) -> _Answers:
        answers = _Answers()
        overwrite = run.request.cache is CacheUse.OVERWRITE
        found: Mapping[str, CacheEntry] = {}
        if not overwrite:
            found, _ = await entries_there(self._catalog, self._blobs, {one.digest: one.key for one in asked})
        for one in asked:
            entry = found.get(one.digest)
            if entry is not None:
                answers.hits.append((one, entry))
            else:
                answers.misses.append(one)
        if answers.misses and _serialized(run, path):
            await self._reserve(run, path, answers, again=not overwrite)
        return answers

    async def _reserve(self, run: Run, path: NodePath, answers: _Answers, *, again: bool) -> None:
        """Reserve the work of elements; who does not get it waits, unless its result has come in the meantime."""
        scope, rest = scope_of(path, 0), answers.misses
        taken = await self._reservations.take(run, {element_path(scope, one.index): one.digest for one in rest})
        if not isinstance(run.state.get(path), Mapped):
            # The array ended while the catalog answered: what it is given now nobody would ever let go.
            await self.let_all_go(run, path, 0)
            answers.misses = []
            return
        ours = [one for one in rest if element_path(scope, one.index) not in taken]
        found: Mapping[str, CacheEntry] = {}
        if again and ours:
            # Who had it may have put its result and let go between our look and our turn.
            found, _ = await entries_there(self._catalog, self._blobs, {one.digest: one.key for one in ours})
        answers.misses, freed = [], []
        for one in rest:
            own = element_path(scope, one.index)
            if own in taken:
                answers.waiting.setdefault(taken[own], []).append(one)
            elif one.digest in found:
                answers.hits.append((one, found[one.digest]))
                freed.append(self._reservations.end(run, own))
            else:
                answers.misses.append(one)
        await self._reservations.release_all([claim for claim in freed if claim is not None])

    async def _taken_over(
        self, run: Run, path: NodePath, hits: Sequence[tuple[_Asked, CacheEntry]], uri_of: UriOf
    ) -> list[ElementOutputs]:
        """Return what elements are given; what is large lies where their own outputs would."""
        kept: list[ElementOutputs] = []
        large: dict[str, bytes] = {}
        for asked, entry in sorted(hits, key=_by_index):
            index, attempt = asked.index, asked.attempt
            data = entry.outputs or await self._blobs.read(entry.outputs_uri)
            one = ElementOutputs(index, attempt, data)
            if len(data) > self._settings.inline_outputs_bytes_max:
                one = ElementOutputs(index, attempt, None)
                large[uri_of(run, path, 0, one)] = data
            kept.append(one)
        if large:
            for uri, data in large.items():
                await self._blobs.write(uri, data)
            await self._blobs.sync_all(list(large))
        return kept

    def _wait(
        self, run: Run, array: OpenedArray, command: StartElements, waiting: Sequence[_Asked], until_ns: int
    ) -> None:
        """Ask again when the work of elements is free, and at `until_ns` at the latest."""
        scope = scope_of(command.path, command.attempt)

        def freed(_run: Run, path: NodePath, attempt: int) -> None:
            index = int(path.rpartition(".")[2])
            if array.waiting.pop(index, None) is not None:
                if not array.freed:
                    asyncio.get_running_loop().call_soon(flush)
                array.freed.append((index, attempt))

        def flush() -> None:
            free, array.freed = array.freed, []
            self._give(run, replace(command, elements=spans_of(sorted(free))))

        def due() -> None:
            left = [(one.index, one.attempt) for one in waiting if array.waiting.get(one.index) == until_ns]
            for index, _ in left:
                del array.waiting[index]
            if left:
                self._give(run, replace(command, elements=spans_of(sorted(left))))

        for one in waiting:
            array.waiting[one.index] = until_ns
            self._reservations.await_turn(run, element_path(scope, one.index), one.attempt, one.digest, freed)
        self._clock.call_at(until_ns, due)

    async def _count(self, answers: _Answers) -> None:
        uses = [CatalogUse(one.key, one.digest, False) for one in answers.misses]
        uses.extend(CatalogUse(one.key, one.digest, True, entry.duration_ns) for one, entry in answers.hits)
        try:
            await self._catalog.count(uses)
        except Exception as error:  # noqa: BLE001 - they are statistics
            _LOG.info("uses of the cache are not counted: %s", error)

    # --- keeping ----------------------------------------------------------------------------

    def _entry(
        self, run: Run, path: NodePath, one: GivenByElement, key: CacheKey, uri_of: UriOf, at_ns: int
    ) -> CacheEntry:
        own = element_path(scope_of(path, 0), one.kept.element)
        source = CacheSource(run.id, own, one.kept.attempt, run.program.task(own).id.version)
        ttl_ns = run.program.cache_policy(own).ttl_ns
        uris = () if _plain(one.outputs) else data_uris(literal_map_from_proto(one.outputs))
        return CacheEntry(
            key,
            source,
            one.kept.data or b"",
            uri_of(run, path, 0, one.kept),
            uris,
            len(one.document),
            one.took_ns,
            at_ns,
            at_ns + ttl_ns if ttl_ns else 0,
        )

    async def _sizes(self, uris: Iterable[str]) -> Mapping[str, int]:
        wanted = set(uris)
        return await self._blobs.sizes(wanted) if wanted else {}

    def _ended(self, run: Run, path: NodePath, given: Sequence[GivenByElement]) -> list[Claim]:
        """Stop renewing what elements have reserved, and return it."""
        if not _serialized(run, path):
            return []
        ended = [self._reservations.end(run, element_path(scope_of(path, 0), it.kept.element)) for it in given]
        return [claim for claim in ended if claim is not None]

    async def _free(self, ended: Sequence[Claim], put: Collection[str]) -> None:
        """Free what elements had reserved; the catalog has done so for what was put."""
        await self._reservations.release_all([claim for claim in ended if claim.digest not in put])
        for digest in put:
            self._reservations.wake(digest)


def task_of(run: Run, path: NodePath) -> TaskWork | None:
    """Return the task of an array's elements; None where they are no tasks."""
    work = run.state.plan.place(path).node.work
    inner = work.element.work if isinstance(work, ArrayWork) else None
    return inner if isinstance(inner, TaskWork) else None


def _serialized(run: Run, path: NodePath) -> bool:
    work = task_of(run, path)
    return work is not None and work.serialize


def opened(run: Run, path: NodePath) -> Callable[[int, int], bool]:
    """Return what tells whether an element is still in an attempt, as of now."""
    state = run.state.get(path)
    if not isinstance(state, Mapped):
        return lambda _index, _attempt: False
    return Elements(scope_of(path, state.attempt), state.length, run.state.chunks.get).open_in


def each(spans: Iterable[Span]) -> Iterable[tuple[int, int]]:
    """Yield the elements of spans, with their attempts."""
    return ((index, attempt) for first, length, attempt in spans for index in range(first, first + length))


def parts(spans: Iterable[Span], most: int) -> Iterable[Sequence[Span]]:
    """Yield spans in parts of at most so many elements."""
    part: list[Span] = []
    room = most
    for span in spans:
        first, length, attempt = span
        while length:
            count = min(length, room)
            part.append(Span(first, count, attempt))
            first, length, room = first + count, length - count, room - count
            if not room:
                yield part
                part, room = [], most
    if part:
        yield part


async def _contents(blobs: Blobs, given: Iterable[Mapping[str, Literal]], ignored: Sequence[str]) -> Mapping[str, str]:
    """Return the digests of data that inputs name by its address alone."""
    unnamed = {uri for one in given for uri in unnamed_data(one, ignored)}
    return await blobs.digests(unnamed) if unnamed else {}


def _by_index(hit: tuple[_Asked, CacheEntry]) -> int:
    return hit[0].index


def _parts(key: CacheKey) -> tuple[str, str, str, str, str, str, tuple[tuple[str, str], ...]]:
    return key.project, key.domain, key.task, key.interface, key.version, key.environment, key.inputs


def _plain(outputs: pb.LiteralMap) -> bool:
    """Tell whether outputs are numbers and texts, which name no data."""
    return all(it.HasField("scalar") and it.scalar.HasField("primitive") for it in outputs.literals.values())


def _whole(entry: CacheEntry, there: Mapping[str, int]) -> bool:
    return all(uri in there for uri in entry.uris)


def _size(entry: CacheEntry, there: Mapping[str, int]) -> int:
    return sum(there[uri] for uri in entry.uris)
