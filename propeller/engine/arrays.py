"""What arrays need of the world: their length, their elements begun and stopped, results taken, lists put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, assert_never

from flytelike.codec.elements import ListsOfOutputs, mapped_inputs
from flytelike.codec.faults import MalformedError
from flytelike.codec.offloading import fill_offloaded_value, offloaded_name
from flytelike.codec.parse import parse, serialise
from flytelike.codec.types import fill_literal_type
from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import ArrayTarget, TaskOverrides, TaskTarget
from flytelike.model.ids import NodePath
from flytelike.model.types import NONE, CollectionType, LiteralType, UnionType
from flytelike_idl.core import literals_pb2 as pb
from propeller.core import deadline
from propeller.core.commands import AbortElements, OpenArray, StartElements
from propeller.core.elements import Span, spans_of
from propeller.core.events import ArrayOpened, ArrayRefused, ElementFailed, ElementsEnded
from propeller.core.node_state import Gathering, Mapped
from propeller.core.plan import ArrayWork, scope_of
from propeller.engine import places
from propeller.engine.binding import BindingFailed
from propeller.engine.element_cache import ElementCache, Give, GivenByElement, each, opened, parts
from propeller.engine.element_recovery import ElementRecovery
from propeller.engine.element_rows import row_keys, rows_in
from propeller.engine.outside import Ports
from propeller.engine.overrides import overridden
from propeller.engine.run import Arrival, ElementOutputs, OpenedArray, Run, TakeElements, WithdrawElements
from propeller.engine.settings import EngineSettings
from propeller.engine.values import Values
from propeller.ports import AttemptKey, Executor
from propeller.ports_elements import ArraySpec, ElementResult, ElementsOrder

UNEQUAL = "UnequalLists"
NOTHING_TO_MAP = "NothingToMap"
OUTPUTS_NOT_FOUND = "OutputsNotFound"

PAGE_OF_TOO_LARGE = "outputs-too-large"
"""The page that says what to do about lists that are too large."""

ROWS_AT_ONCE = 64
"""How many rows of results are read at once, which bounds how long other executions wait for the loop."""

LOOKED_UP_AT_ONCE = 500
"""How many elements are looked up together, which bounds the same."""

Post = Callable[[Run, Arrival], None]


OfArray: TypeAlias = OpenArray | StartElements | AbortElements | TakeElements | WithdrawElements


class Arrays:
    """Carries the commands of arrays out."""

    def __init__(
        self, post: Post, give: Give, values: Values, ports: Ports, settings: EngineSettings, cache: ElementCache
    ) -> None:
        """Connect the ports; `give` takes errands for later."""
        self._give = give
        self._recovery = ElementRecovery(post, values, ports, settings)
        self._cache = cache
        self._post = post
        self._values = values
        self._store = ports.store
        self._blobs = ports.blobs
        self._clock = ports.clock
        self._settings = settings

    async def carry_out(self, run: Run, errand: OfArray, executor: Executor) -> None:
        """Do an errand. Raises what the ports raise."""
        match errand:
            case OpenArray():
                await self.open(run, errand)
            case StartElements():
                await self.start(run, errand, executor)
            case AbortElements():
                await self.stop(run, errand, executor)
            case TakeElements():
                await self.take(run, errand)
            case WithdrawElements():
                await self.withdraw(run, errand, executor)
            case unreachable:
                assert_never(unreachable)

    async def open(self, run: Run, command: OpenArray) -> None:
        """Store the array's inputs and tell how many elements they make."""
        path, attempt = command.path, command.attempt
        try:
            inputs = await self._stored_inputs(run, path)
            length = _length(inputs, _target(run, path))
        except BindingFailed as error:
            self._post(run, Arrival(ArrayRefused(path, attempt, self._clock.now_ns(), error.failure)))
            return
        self._post(run, Arrival(ArrayOpened(path, attempt, self._clock.now_ns(), length)))

    async def start(self, run: Run, command: StartElements, executor: Executor) -> None:
        """Hand elements to the executor. An engine that comes later stores the array's inputs anew before."""
        path = command.path
        array = run.arrays.get(path)
        if array is None:
            try:
                array = run.arrays[path] = OpenedArray(await self._spec(run, command))
            except BindingFailed as error:
                failed = tuple(ElementFailed(*element, error.failure) for element in each(command.elements))
                event = ElementsEnded(path, command.attempt, self._clock.now_ns(), failed=failed)
                self._post(run, Arrival(event))
                return
        asks = self._cache.asks(run, path)
        if not asks and path not in run.reuse:
            await self._run(run, array, command, command.elements, executor)
            return
        for some in parts(command.elements, LOOKED_UP_AT_ONCE):
            is_open = opened(run, path)
            unended = [it for it in each(some) if is_open(*it)]
            # They may run already: what is found for them now would come too late.
            offered = spans_of(it for it in unended if array.offered.get(it[0]) == it[1])
            wanted: Sequence[Span] = spans_of(it for it in unended if array.offered.get(it[0]) != it[1])
            if path in run.reuse:
                wanted = await self._recovery.rest(run, array, command, wanted, self._uri)
            if asks and wanted:
                wanted = await self._cache.misses(run, array, command, wanted, self._uri)
            if asks:
                array.offered.update(each(wanted))
            await self._run(run, array, command, [*offered, *wanted], executor)

    async def _run(
        self, run: Run, array: OpenedArray, command: StartElements, spans: Sequence[Span], executor: Executor
    ) -> None:
        state = run.state.get(command.path)
        if spans and not array.stopped and isinstance(state, Mapped) and state.attempt == command.attempt:
            await executor.start_elements(ElementsOrder(array.spec, spans, command.interruptible))
            if array.spec.queued_ns:
                errand = WithdrawElements(command.path, command.attempt, tuple(spans), command.interruptible)
                due_ns = self._clock.now_ns() + array.spec.queued_ns
                self._clock.call_at(due_ns, lambda: self._give(run, errand))

    async def withdraw(self, run: Run, errand: WithdrawElements, executor: Executor) -> None:
        """Let elements fail that have waited too long."""
        path, attempt = errand.path, errand.attempt
        array, is_open = run.arrays.get(path), opened(run, path)
        waiting = spans_of(element for element in each(errand.elements) if is_open(*element))
        if array is None or not waiting:
            return
        if errand in array.unsure:
            # They were perhaps taken back, which nobody was told: then they wait anew, and else they go on as they did.
            await executor.start_elements(ElementsOrder(array.spec, waiting, errand.interruptible))
        array.unsure.add(errand)
        withdrawn = list(each(await executor.withdraw_elements(AttemptKey(run.id, path, attempt), waiting)))
        array.unsure.discard(errand)
        if not withdrawn:
            return
        failure = deadline.waited(array.spec.queued_ns)
        await self._cache.let_go(run, path, withdrawn)
        failed = tuple(ElementFailed(*element, failure) for element in withdrawn)
        self._post(run, Arrival(ElementsEnded(path, attempt, self._clock.now_ns(), failed=failed)))

    async def stop(self, run: Run, command: AbortElements, executor: Executor) -> None:
        """Have the executor stop all of an array's elements; none is started any more."""
        array = run.arrays.get(command.path)
        if array is not None:
            array.stopped = True
        await executor.abort_elements(AttemptKey(run.id, command.path, command.attempt), command.reason)
        await self._cache.let_all_go(run, command.path, command.attempt)

    async def take(self, run: Run, news: TakeElements) -> None:
        """Tell of ends of elements, with what they gave; of those that gave too little, that they failed."""
        path, attempt = news.path, news.attempt
        declared = list(run.program.interface(path).outputs)
        failed: list[ElementFailed] = []
        given: list[GivenByElement] = []
        for result in news.results:
            one = await self._taken(run, path, attempt, result, declared)
            if isinstance(one, Failure):
                failed.append(ElementFailed(result.element, result.attempt, one))
            else:
                given.append(one)
        told: Mapping[CacheStatus, Sequence[ElementOutputs]] = {CacheStatus.DISABLED: [one.kept for one in given]}
        if self._cache.asks(run, path):
            told = await self._cache.keep(run, path, given, self._uri, news.at_ns)
            await self._cache.let_go(run, path, [(index, number) for index, number, _ in failed])
        for status, kept in told.items():
            succeeded = spans_of(sorted((one.element, one.attempt) for one in kept))
            event = ElementsEnded(path, attempt, news.at_ns, succeeded, tuple(failed), status)
            self._post(run, Arrival(event, elements=tuple(kept) if declared else ()))
            failed = []

    async def gathered(self, run: Run, path: NodePath, attempt: int) -> bytes:
        """Return the outputs of an array: lists of what its elements gave. Raises `BindingFailed`."""
        state = run.state.get(path)
        outputs = run.program.interface(path).outputs
        if not isinstance(state, Gathering):
            raise BindingFailed(f"{path} is not to be put together")
        nothing = {name: _nothing(variable.type) for name, variable in outputs.items()}
        lists = ListsOfOutputs(list(outputs), state.length, nothing)
        wrap = _Wrap(run, path)
        keys = row_keys(scope_of(path, attempt), state.results)
        for first in range(0, len(keys), ROWS_AT_ONCE):
            for row in await self._store.outputs(run.id, keys[first : first + ROWS_AT_ONCE]):
                for element in rows_in(row):
                    data = element.data
                    if data is None:
                        data = await self._blobs.read(self._uri(run, path, attempt, element))
                    missing = lists.put(element.element, wrap(parse(pb.LiteralMap, data)))
                    if missing:
                        raise BindingFailed(f"element {element.element} gave no {', '.join(missing)}")
            if lists.bytes > self._settings.offloaded_bytes_max:
                raise _too_large(lists.bytes, self._settings.offloaded_bytes_max)
        return await self._document(run, path, attempt, lists)

    async def _document(self, run: Run, path: NodePath, attempt: int, lists: ListsOfOutputs) -> bytes:
        """Return the outputs' document; large lists are kept beside it, where the attempt's data lie."""
        large = pb.LiteralMap()
        raw = places.raw_prefix(self._raw_root(run), run.id, path, attempt)
        for name in lists.larger_than(self._settings.offload_bytes_min):
            uri, data = f"{raw}/{offloaded_name(name)}", lists.take(name)
            await self._blobs.write(uri, data)
            await self._blobs.sync(uri)
            kind = run.program.interface(path).outputs[name].type
            fill_offloaded_value(uri, len(data), kind, large.literals[name])
        # Of two maps, one behind the other is their union.
        return lists.document() + large.SerializeToString(deterministic=True)

    def _raw_root(self, run: Run) -> str:
        return run.request.raw_output_prefix or self._settings.raw_output_prefix

    # --- within -----------------------------------------------------------------------------

    async def _stored_inputs(self, run: Run, path: NodePath) -> pb.LiteralMap:
        inputs = await self._values.inputs(run, path)
        uri = places.inputs_uri(self._settings.metadata_prefix, run.id, path)
        await self._blobs.write(uri, serialise(inputs))
        return inputs

    async def _spec(self, run: Run, command: StartElements) -> ArraySpec:
        path, attempt = command.path, command.attempt
        inputs = await self._stored_inputs(run, path)
        target = _target(run, path)
        inner = target.node.target
        task = run.program.closure.tasks[command.task]
        overrides = inner.overrides if isinstance(inner, TaskTarget) else TaskOverrides()
        prefix = self._settings.metadata_prefix
        work = run.state.plan.place(path).node.work
        assert isinstance(work, ArrayWork), "only arrays have elements"
        return ArraySpec(
            key=AttemptKey(run.id, path, attempt),
            task=overridden(task, overrides),
            workflow=run.request.workflow,
            launch_plan=run.request.launch_plan,
            inputs_uri=places.inputs_uri(prefix, run.id, path),
            output_prefix=places.output_prefix(prefix, run.id, path, attempt),
            raw_output_prefix=places.raw_prefix(self._raw_root(run), run.id, path, attempt),
            length=_length(inputs, target),
            shared=target.bound_inputs,
            picks_own=not target.original_interface,
            deadline_ns=work.element.timeout_ns,
            queued_ns=work.element.queued_timeout_ns,
            env=run.request.envs,
            labels=run.request.labels,
            overrides=overrides,
            priority=run.priority(path),
            depth=run.request.depth,
        )

    async def _taken(
        self, run: Run, path: NodePath, attempt: int, result: ElementResult, declared: Sequence[str]
    ) -> GivenByElement | Failure:
        """Return what an element gave, made to last; or why it does not count."""
        if result.failure is not None:
            return result.failure
        data = result.outputs
        if not declared:
            return GivenByElement(ElementOutputs(result.element, result.attempt, data), b"", pb.LiteralMap(), 0)
        uri = ""
        if data is None or len(data) > self._settings.inline_outputs_bytes_max:
            uri = self._uri(run, path, attempt, ElementOutputs(result.element, result.attempt, None))
        if data is None:
            try:
                data = await self._blobs.read(uri)
            except KeyError:
                return _no_outputs(f"it ended without its outputs (there is nothing at {uri})")
        try:
            outputs = parse(pb.LiteralMap, data)
        except MalformedError as error:
            return _no_outputs(f"its outputs cannot be read: {error}")
        missing = [f"`{name}`" for name in declared if name not in outputs.literals]
        if missing:
            return _no_outputs(f"it gave no {', '.join(missing)}")
        inline: bytes | None = data
        if len(data) > self._settings.inline_outputs_bytes_max:
            inline = None
            if result.outputs is not None:
                await self._blobs.write(uri, data)
            await self._blobs.sync(uri)
        return GivenByElement(ElementOutputs(result.element, result.attempt, inline), data, outputs, result.took_ns)

    def _uri(self, run: Run, path: NodePath, attempt: int, element: ElementOutputs) -> str:
        """Return where an element's outputs lie: a task's below its array's, another node's at its own place."""
        prefix = self._settings.metadata_prefix
        work = run.state.plan.place(path).node.work
        if isinstance(_target(run, path).node.target, TaskTarget):
            folder = places.output_prefix(prefix, run.id, path, attempt)
            return f"{folder}/{element.element}/{element.attempt}/outputs.pb"
        assert isinstance(work, ArrayWork), "only arrays have elements"
        own = NodePath(f"{scope_of(path, attempt)}.{element.element}")
        return places.outputs_uri(prefix, run.id, own, element.attempt)


class _Wrap:
    """Says of which variant the outputs of an element are, where its array declares that they may be none."""

    def __init__(self, run: Run, path: NodePath) -> None:
        target = _target(run, path)
        of_array = run.program.interface(path).outputs
        self._types: dict[str, LiteralType] = {}
        if target.original_interface:
            for name, variable in run.program.interface_of(path, target.node).outputs.items():
                kind = of_array[name].type.kind
                if isinstance(kind, CollectionType) and kind.element != variable.type:
                    self._types[name] = variable.type

    def __call__(self, outputs: pb.LiteralMap) -> pb.LiteralMap:
        for name, kind in self._types.items():
            if name in outputs.literals:
                wrapped = pb.Literal()
                wrapped.scalar.union.value.CopyFrom(outputs.literals[name])
                fill_literal_type(kind, wrapped.scalar.union.type)
                outputs.literals[name].CopyFrom(wrapped)
        return outputs


def _target(run: Run, path: NodePath) -> ArrayTarget:
    target = run.program.node(path).target
    assert isinstance(target, ArrayTarget), "only arrays are given here"
    return target


def _length(inputs: pb.LiteralMap, target: ArrayTarget) -> int:
    """Return how many elements inputs make. Raises `BindingFailed`."""
    lengths = mapped_inputs(inputs, target.bound_inputs)
    if not lengths:
        raise BindingFailed("none of the array's inputs is a list: there is nothing to go through", NOTHING_TO_MAP)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise BindingFailed(f"the lists that the array goes through differ in length: {told} elements", UNEQUAL)
    return next(iter(lengths.values()))


def _nothing(kind: LiteralType) -> pb.Literal:
    """Return what stands for the output of an element that failed."""
    nothing = pb.Literal()
    element = kind.kind.element.kind if isinstance(kind.kind, CollectionType) else None
    if isinstance(element, UnionType):
        union = nothing.scalar.union
        union.value.scalar.none_type.SetInParent()
        of_none = next((variant for variant in element.variants if variant.kind == NONE.kind), NONE)
        fill_literal_type(of_none, union.type)
    else:
        nothing.scalar.none_type.SetInParent()
    return nothing


def _no_outputs(message: str) -> Failure:
    return Failure(OUTPUTS_NOT_FOUND, message, Fault.USER, retryable=True)


def _too_large(size: int, limit: int) -> BindingFailed:
    return BindingFailed(
        f"the outputs of the array's elements are more than {size} bytes, the limit is {limit}; "
        f"let elements give large values as files (flytelike explain {PAGE_OF_TOO_LARGE})",
        "OutputsTooLarge",
    )
