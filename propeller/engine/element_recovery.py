"""Elements of an array that an earlier execution has done already: their results are taken over, the rest runs.

As for nodes, an element is spared only if it is given now what it was given then, and if what it gave is still
there. What elements gave is known as long as the earlier execution's states are kept.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from flytelike.codec.data_uris import data_uris
from flytelike.codec.elements import mapped_lists
from flytelike.codec.literals import literal_from_proto, literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.codec.value_digest import value_digest
from flytelike.model.ids import NodePath
from flytelike.model.reuse import ReuseSource, Way
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import StartElements
from propeller.core.elements import Span, spans_of
from propeller.core.events import ElementsEnded
from propeller.core.plan import scope_of
from propeller.engine import places
from propeller.engine.element_cache import UriOf, each
from propeller.engine.element_rows import row_keys, rows_in
from propeller.engine.outside import Ports
from propeller.engine.reuse import listed
from propeller.engine.run import Arrival, ElementOutputs, OpenedArray, Run
from propeller.engine.settings import EngineSettings
from propeller.engine.values import Values

_LOG = logging.getLogger(__name__)

ROWS_AT_ONCE = 64
"""How many rows of results are read at once. An array whose rows come to an end has no more."""

Post = Callable[[Run, Arrival], None]


class ElementRecovery:
    """Takes over what elements gave in an earlier execution."""

    def __init__(self, post: Post, values: Values, ports: Ports, settings: EngineSettings) -> None:
        """Connect the ports."""
        self._post = post
        self._values = values
        self._store = ports.store
        self._blobs = ports.blobs
        self._clock = ports.clock
        self._settings = settings

    async def rest(
        self, run: Run, array: OpenedArray, command: StartElements, spans: Sequence[Span], uri_of: UriOf
    ) -> Sequence[Span]:
        """Take over what is there; return the elements that it does not serve."""
        if array.earlier is None:
            array.earlier = await self._look(run, command.path)
        earlier = array.earlier
        if not earlier:
            return spans
        wanted = [(index, attempt) for index, attempt in each(spans) if index in earlier]
        try:
            kept = await self._taken(
                run, command.path, [(earlier[index], attempt) for index, attempt in wanted], uri_of
            )
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - then they run
            _LOG.warning("elements of %s/%s cannot be taken over, they run: %s", run.id, command.path, error)
            return spans
        if kept:
            taken = spans_of((one.element, one.attempt) for one in kept)
            now_ns = self._clock.now_ns()
            event = ElementsEnded(command.path, command.attempt, now_ns, taken, recovered=True)
            self._post(run, Arrival(event, elements=kept))
        done = {one.element for one in kept}
        return spans_of((index, attempt) for index, attempt in each(spans) if index not in done)

    async def _look(self, run: Run, path: NodePath) -> Mapping[int, ElementOutputs]:
        """Return what elements gave that are given the same now, by index."""
        reused = listed(run, path)
        if reused is None or reused.source is None or reused.way is not Way.CONTINUE:
            return {}
        source = reused.source
        try:
            same = _Same(
                parse(pb.LiteralMap, await self._blobs.read(source.inputs_uri)),
                await self._values.inputs(run, path),
                run.arrays[path].spec.shared,
            )
            found = {one.element: one async for one in self._rows(source)} if same.shared else {}
            return {index: one for index, one in found.items() if same.element(index)}
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - then they run
            _LOG.warning("nothing can be taken over of %s/%s: %s", source.execution, source.path, error)
            return {}

    async def _rows(self, source: ReuseSource) -> AsyncIterator[ElementOutputs]:
        scope, first = scope_of(source.path, 0), 0
        while True:
            keys = row_keys(scope, first + ROWS_AT_ONCE)[first:]
            rows = [row for row in await self._store.outputs(source.execution, keys) if row is not None]
            for row in rows:
                for one in rows_in(row):
                    yield one
            if not rows:
                return
            first += ROWS_AT_ONCE

    async def _taken(
        self, run: Run, path: NodePath, wanted: Sequence[tuple[ElementOutputs, int]], uri_of: UriOf
    ) -> list[ElementOutputs]:
        """Return what serves: that whose data is there. Large results are copied to their own place."""
        source = run.reuse[path].source
        assert source is not None, "something was found there"
        folder = places.output_prefix(self._settings.metadata_prefix, source.execution, source.path, 0)
        kept: list[tuple[ElementOutputs, Sequence[str]]] = []
        large: dict[str, bytes] = {}
        for old, attempt in wanted:
            data = old.data
            if data is None:
                try:
                    data = await self._blobs.read(f"{folder}/{old.element}/{old.attempt}/outputs.pb")
                except KeyError:
                    continue
            uris = data_uris(literal_map_from_proto(parse(pb.LiteralMap, data)))
            one = ElementOutputs(old.element, attempt, old.data)
            if old.data is None:
                large[uri_of(run, path, 0, one)] = data
            kept.append((one, uris))
        named = {uri for _, uris in kept for uri in uris}
        there = await self._blobs.sizes(named) if named else {}
        for uri, data in large.items():
            await self._blobs.write(uri, data)
        if large:
            await self._blobs.sync_all(list(large))
        return [one for one, uris in kept if all(uri in there for uri in uris)]


class _Same:
    """Compares what an array's elements were given with what they are given now."""

    def __init__(self, old: pb.LiteralMap, new: pb.LiteralMap, shared: Collection[str]) -> None:
        self._old, self._new = mapped_lists(old, shared), mapped_lists(new, shared)
        rest = [_without(old, self._old), _without(new, self._new)]
        self.shared = (
            self._old.keys() == self._new.keys()
            and rest[0].keys() == rest[1].keys()
            and all(_equal(literal, rest[1][name]) for name, literal in rest[0].items())
        )
        """Whether what all elements share is the same."""

    def element(self, index: int) -> bool:
        """Tell whether an element is given the same."""
        return all(
            index < min(len(items.literals), len(self._new[name].literals))
            and _equal(items.literals[index], self._new[name].literals[index])
            for name, items in self._old.items()
        )


def _without(inputs: pb.LiteralMap, lists: Mapping[str, pb.LiteralCollection]) -> dict[str, pb.Literal]:
    return {name: literal for name, literal in inputs.literals.items() if name not in lists}


def _equal(one: pb.Literal, other: pb.Literal) -> bool:
    return one == other or value_digest(literal_from_proto(one)) == value_digest(literal_from_proto(other))
