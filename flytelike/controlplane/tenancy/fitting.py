"""Whether what a workflow's tasks ask for can ever be granted: what cannot is refused before it is started."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.parse import parse
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.model.asking import stated_amounts
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import Node, TaskTarget, nested_nodes
from flytelike.model.quota import ATTEMPTS, EXECUTIONS, SHARED, Amounts, QuotaPlace, shown_amount, shown_number
from flytelike.storage import Store
from flytelike_idl.core import compiler_pb2

Asked: TypeAlias = Mapping[str, Amounts]
"""Of each task, by name, the most that an attempt of it asks for."""

REMEMBERED = 500
NAMED_MAX = 10
"""How many tasks are told of at once."""


class Fitting:
    """Looks at workflows before they are started."""

    def __init__(self, store: Store) -> None:
        """Read closures from `store`."""
        self._store = store
        self._asked: dict[str, Asked] = {}

    async def check(self, rules: Rules, place: tuple[str, str], closure_uri: str, faults: Faults) -> None:
        """Note what can never be granted in a project's domain.

        Args:
            rules: The quotas.
            place: The project and domain.
            closure_uri: Where the workflow's closure lies; it never changes.
            faults: Filled.
        """
        bounding = _bounding(rules, *place)
        if not bounding:
            return
        for owner, limits in bounding:
            if limits.get(EXECUTIONS) == 0:
                faults.add("exceeds-quota", f"{_shown(owner)} may run no executions", "have the limit raised")
        if not any(name.partition("/")[0] in SHARED for _, limits in bounding for name in limits):
            return
        for task, amounts in (await self._of(closure_uri)).items():
            for told in _never(amounts, bounding):
                remedy = "ask for less, or have the limit raised"
                faults.add("exceeds-quota", f"the task `{task}` asks for {told}", remedy)
                if len(faults.found) >= NAMED_MAX:
                    return

    async def _of(self, closure_uri: str) -> Asked:
        found = self._asked.get(closure_uri)
        if found is None:
            message = parse(compiler_pb2.CompiledWorkflowClosure, await self._store.get_async(closure_uri))
            if len(self._asked) >= REMEMBERED:
                self._asked.pop(next(iter(self._asked)))
            found = self._asked[closure_uri] = asked_by(closure_from_proto(message))
        return found


def asked_by(closure: WorkflowClosure) -> Asked:
    """Return the most that an attempt of each task asks for, with what nodes change of it."""
    found: dict[str, dict[str, int]] = {}
    for node in _nodes(closure):
        if not isinstance(node.target, TaskTarget) or node.target.task not in closure.tasks:
            continue
        task = closure.tasks[node.target.task]
        own = task.container.resources if task.container is not None else None
        try:
            amounts = {ATTEMPTS: 1, **stated_amounts(node.target.overrides.resources or own)}
        except ValueError:
            continue  # Its attempt says what is wrong with it.
        most = found.setdefault(task.id.name, {})
        for name, amount in amounts.items():
            most[name] = max(amount, most.get(name, 0))
    return found


def _nodes(closure: WorkflowClosure) -> Iterator[Node]:
    for workflow in (closure.primary, *closure.sub_workflows.values()):
        template = workflow.template
        for node in template.nodes:
            yield from nested_nodes(node)
        if template.failure_node is not None:
            yield from nested_nodes(template.failure_node)


def _bounding(rules: Rules, project: str, domain: str) -> Sequence[tuple[QuotaPlace, Amounts]]:
    places = rules.places(project, domain)
    return [(place, rules.quotas[place].limits) for place in places if place in rules.quotas]


def _never(amounts: Amounts, bounding: Sequence[tuple[QuotaPlace, Amounts]]) -> Iterator[str]:
    for owner, limits in bounding:
        for name, amount in amounts.items():
            if amount > limits.get(name, amount):
                most = shown_number(name, limits[name])
                yield f"{shown_amount(name, amount)}; {_shown(owner)} may use {most} at most"


def _shown(place: QuotaPlace) -> str:
    if place.team:
        return f"team {place.team}"
    return f"{place.project}/{place.domain}" if place.domain else place.project or "the platform"
