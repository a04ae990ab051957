"""A compiled closure as the engine needs it: the core's plan, and templates by path."""

from collections import OrderedDict
from collections.abc import Mapping

from flytelike.model.array import array_interface
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import ArrayTarget, LaunchPlanTarget, Node, SubWorkflowTarget, TaskTarget, WorkflowTemplate
from flytelike.model.ids import ROOT, Digest, Identifier, NodeId, NodePath
from flytelike.model.interface import TypedInterface
from propeller.core.plan import Plan, parent_of, split
from propeller.ports import Closures

PROGRAMS_KEPT = 64

_UNKNOWN = TypedInterface()


class Program:
    """One closure. Shared by all its executions, never changed."""

    __slots__ = ("_nodes", "closure", "plan")

    def __init__(self, closure: WorkflowClosure) -> None:
        """Make the plan; linear in the size of the closure. Raises `UnsupportedPlan`."""
        self.closure = closure
        self.plan = Plan.of(closure)
        self._nodes: dict[Identifier | None, Mapping[NodeId, Node]] = {}

    def workflow(self, scope: NodePath) -> WorkflowTemplate:
        """Return the template of the workflow whose nodes lie in a scope."""
        if scope == ROOT:
            return self.closure.primary.template
        return self.closure.sub_workflows[self.plan.workflow_in(scope).id].template

    def node(self, path: NodePath) -> Node:
        """Return the template's node at a path."""
        scope, node_id = split(path)
        if scope != ROOT and self.plan.workflow_in(scope).of_elements:
            target = self.node(parent_of(scope)).target
            assert isinstance(target, ArrayTarget), "only arrays have elements"
            return target.node
        # The primary workflow may occur among the sub-workflows of another closure: its key is None.
        key = None if scope == ROOT else self.plan.workflow_in(scope).id
        known = self._nodes.get(key)
        if known is None:
            known = self._nodes[key] = {node.id: node for node in self.workflow(scope).nodes}
        return known[node_id]

    def interface(self, path: NodePath) -> TypedInterface:
        """Return what the node at a path takes and gives; the workflow's own for ROOT."""
        if path == ROOT:
            return self.closure.primary.template.interface
        return self.interface_of(self.node(path))

    def interface_of(self, node: Node) -> TypedInterface:
        """Return what a node takes and gives."""
        match node.target:
            case TaskTarget(task=task):
                return self.closure.tasks[task].interface
            case SubWorkflowTarget(workflow=workflow):
                return self.closure.sub_workflows[workflow].template.interface
            case LaunchPlanTarget(launch_plan=launch_plan):
                return self.closure.launch_plans.get(launch_plan, _UNKNOWN)
            case ArrayTarget(node=inner) as target:
                return array_interface(target, self.interface_of(inner))
            case _:
                return _UNKNOWN


class Programs:
    """The programs of recent closures."""

    def __init__(self, closures: Closures) -> None:
        """Take closures from `closures`."""
        self._closures = closures
        self._kept: OrderedDict[Digest, Program] = OrderedDict()

    async def get(self, uri: str, digest: Digest) -> Program:
        """Return the program of a closure.

        Raises:
            KeyError: There is no closure at `uri`.
            UnsupportedPlan: It holds something that cannot be executed.
        """
        found = self._kept.get(digest)
        if found is None:
            found = Program(await self._closures.get(uri, digest))
            self._kept[digest] = found
            if len(self._kept) > PROGRAMS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(digest)
        return found
