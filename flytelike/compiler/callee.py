"""What a node calls, as its caller sees it: inputs, which of them are needed, outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from flytelike.model.array import takes_none
from flytelike.model.graph import LaunchPlanTemplate, Node
from flytelike.model.ids import Identifier
from flytelike.model.interface import Parameter, TypedInterface, Variable


@dataclass(frozen=True, slots=True)
class Callee:
    """A task, workflow or launch plan, or a branch, gate or array; `noun` is the word for it."""

    noun: str
    name: str
    inputs: Mapping[str, Variable]
    needed: frozenset[str]
    outputs: Mapping[str, Variable]

    @classmethod
    def of(cls, noun: str, identifier: Identifier, interface: TypedInterface) -> Self:
        """Return a task or workflow: every input that may not be None is needed."""
        needed = frozenset(name for name, found in interface.inputs.items() if not takes_none(found.type))
        return cls(noun, identifier.name.rpartition(".")[2], interface.inputs, needed, interface.outputs)

    @classmethod
    def of_launch_plan(
        cls, identifier: Identifier, parameters: Mapping[str, Parameter], outputs: Mapping[str, Variable]
    ) -> Self:
        """Return a launch plan: its required parameters are needed."""
        inputs = {name: found.variable for name, found in parameters.items()}
        needed = frozenset(
            name for name, found in parameters.items() if found.required and not takes_none(found.variable.type)
        )
        return cls("launch plan", identifier.name.rpartition(".")[2], inputs, needed, outputs)

    @classmethod
    def of_node(cls, noun: str, node: Node, inputs: Mapping[str, Variable], outputs: Mapping[str, Variable]) -> Self:
        """Return a node that runs no entity of its own; what it takes is what it is bound to."""
        return cls(noun, node.metadata.name or node.id, inputs, frozenset(), outputs)


def launch_plan_inputs(plan: LaunchPlanTemplate, interface: TypedInterface) -> dict[str, Parameter]:
    """Return what a caller of a launch plan may give: every input that is not fixed."""
    return {
        name: plan.inputs.get(name, Parameter(variable))
        for name, variable in interface.inputs.items()
        if name not in plan.fixed
    }
