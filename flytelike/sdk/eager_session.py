"""How the calls of an eager function are carried out: by the platform, or in this process."""

from collections.abc import Coroutine, Mapping
from typing import Any

from flytelike.model.call import Call, Calls
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.exceptions import EagerException
from flytelike.model.graph import Node, TaskOverrides, TaskTarget
from flytelike.model.ids import Identifier, NodeId, ResourceKind
from flytelike.model.literals import Literal
from flytelike.model.policies import NodeMetadata
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.faults import fault, raise_faults
from flytelike.sdk.frames import author_site
from flytelike.sdk.launch_plan import LaunchPlan
from flytelike.sdk.naming import identifier_of
from flytelike.sdk.node_options import NodeOptions, node_metadata, node_option_faults, task_overrides
from flytelike.sdk.results import packed
from flytelike.sdk.session import in_session
from flytelike.sdk.settings import Settings
from flytelike.types import registry
from flytelike.types.context import ValueContext


class PlatformSession:
    """Each call is an execution of its own."""

    def __init__(self, calls: Calls, settings: Settings, values: ValueContext) -> None:
        """Carry calls out through `calls`; what they name is of the project, domain and version in `settings`."""
        self._calls = calls
        self._settings = settings
        self._values = values
        self._checked: set[int] = set()

    def call(
        self, entity: AnyEntity, args: tuple[object, ...], kwargs: Mapping[str, object], options: NodeOptions
    ) -> Coroutine[Any, Any, object]:
        """Submit a call. Its place among equal calls is that of this moment, whenever it is awaited."""
        if id(entity) not in self._checked:
            entity.check()
            self._checked.add(id(entity))
        changes = changed_node(entity, options) if options else None
        given = kwargs if isinstance(entity, LaunchPlan) and not args else entity.bind(args, kwargs)
        inputs = {name: self._literal(entity, name, value) for name, value in given.items()}
        target = runnable(identifier_of(entity, self._settings))
        node = Node(NodeId("call"), TaskTarget(target, changes[1]), metadata=changes[0]) if changes else None
        return self._result(entity, self._calls.submit(Call(target, inputs, entity.short_name, node)))

    async def _result(self, entity: AnyEntity, outputs: Coroutine[Any, Any, Any]) -> object:
        literals = await outputs
        hints = entity.signature.outputs.hints
        values = {name: registry.to_python(literals[name], hint, self._values) for name, hint in hints.items()}
        return packed(entity.signature.outputs, values)

    def _literal(self, entity: AnyEntity, name: str, value: object) -> Literal:
        try:
            return registry.to_literal(value, entity.signature.inputs[name].hint, self._values)
        except DiagnosticError as error:
            site = author_site()
            raise DiagnosticError(
                fault(told.code, f"`{name}` of `{entity.short_name}`: {told.headline}", site.span, help=told.help)
                for told in error.diagnostics
            ) from error


class LocalSession:
    """Each call runs at once in this process."""

    def call(
        self, entity: AnyEntity, args: tuple[object, ...], kwargs: Mapping[str, object], options: NodeOptions
    ) -> Coroutine[Any, Any, object]:
        """Check a call; awaiting what is returned runs it."""
        entity.check()
        if options:
            changed_node(entity, options)
        return self._run(entity, entity.bind(args, kwargs))

    async def _run(self, entity: AnyEntity, inputs: Mapping[str, object]) -> object:
        begin = getattr(entity, "run_async", None)
        try:
            if begin is not None:
                outputs = await begin(inputs)
            else:
                with in_session(None):
                    outputs = entity.run(inputs)
        except EagerException as error:
            raise EagerException(entity.short_name, error.code, error.message) from error
        except Exception as error:
            raise EagerException(entity.short_name, f"USER:{type(error).__name__}", str(error)) from error
        return packed(entity.signature.outputs, outputs)


def changed_node(entity: AnyEntity, options: NodeOptions) -> tuple[NodeMetadata, TaskOverrides]:
    """Return other policies for a call: the node's and the task's; raises DiagnosticError."""
    site = author_site()
    spans = site.argument_spans()
    outputs = entity.signature.outputs.hints
    raise_faults(
        fault(found.code, found.headline, spans.get(found.option, site.span), help=filter(None, [found.help]))
        for found in node_option_faults(options, is_task=entity.is_task, outputs=outputs)
    )
    return node_metadata(options, entity.short_name), task_overrides(options)


def runnable(identifier: Identifier) -> Identifier:
    """Return what an entity is executed as: a workflow by its default launch plan."""
    if identifier.kind is not ResourceKind.WORKFLOW:
        return identifier
    it = identifier
    return Identifier(ResourceKind.LAUNCH_PLAN, it.project, it.domain, it.name, it.version, it.org)
