"""Checks of one launch plan."""

from collections.abc import Iterator

from flytelike.compiler.callee import launch_plan_inputs
from flytelike.compiler.constants import is_value_of, word_for
from flytelike.compiler.describe import describe_type
from flytelike.compiler.faults import entity_fault
from flytelike.model.array import takes_none
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import LaunchPlanTemplate
from flytelike.model.interface import TypedInterface
from flytelike.model.literals import Instant, Literal, Primitive
from flytelike.model.schedule import Schedule

_SOME_TIME = Literal(Primitive(Instant(0)))


def launch_plan_faults(plan: LaunchPlanTemplate, interface: TypedInterface | None) -> Iterator[Diagnostic]:
    """Find what is wrong with a launch plan; `interface` is its workflow's, None when that is unknown."""
    name = plan.id.name.rpartition(".")[2]
    if interface is None:
        yield entity_fault(
            "workflow-not-found",
            f"the launch plan `{name}` is of the workflow `{plan.workflow}`, which is not registered",
            plan.span,
            "here",
            "register the workflow first, or together with the launch plan",
        )
        return
    given = [(key, found.default, "default") for key, found in plan.inputs.items()]
    given += [(key, literal, "fixed") for key, literal in plan.fixed.items()]
    for key, literal, noun in given:
        variable = interface.inputs.get(key)
        if variable is None:
            known = ", ".join(f"`{known}`" for known in interface.inputs) or "none"
            yield entity_fault(
                "unknown-input",
                f"the launch plan `{name}` gives `{key}`, which is no input of its workflow",
                plan.span,
                "here",
                f"the workflow's inputs are {known}",
            )
        elif literal is not None and not is_value_of(literal, variable.type):
            expected = describe_type(variable.type)
            yield entity_fault(
                "mismatching-types",
                f"the {noun} value of `{key}` in the launch plan `{name}` is {word_for(literal)}, not `{expected}`",
                plan.span,
                "here",
                f"give a value of type `{expected}`",
                Label(variable.span, f"`{key}` is declared here"),
            )
    for key in plan.fixed.keys() & plan.inputs.keys():
        yield entity_fault(
            "contradictory-options",
            f"the launch plan `{name}` both fixes `{key}` and gives it a default",
            plan.span,
            "here",
            "a fixed input cannot be changed by callers: leave its default out",
        )
    if plan.schedule is not None:
        yield from _schedule_faults(plan, plan.schedule, interface, name)


def _schedule_faults(
    plan: LaunchPlanTemplate, schedule: Schedule, interface: TypedInterface, name: str
) -> Iterator[Diagnostic]:
    """Find what keeps executions from being started without anybody who gives inputs."""
    kickoff = schedule.kickoff
    variable = interface.inputs.get(kickoff)
    if kickoff and variable is None:
        known = ", ".join(f"`{known}`" for known in interface.inputs) or "none"
        yield entity_fault(
            "unknown-input",
            f"the schedule of `{name}` gives its time to `{kickoff}`, which is no input of the workflow",
            plan.span,
            "here",
            f"the workflow's inputs are {known}",
        )
    elif variable is not None and not is_value_of(_SOME_TIME, variable.type):
        yield entity_fault(
            "mismatching-types",
            f"the schedule of `{name}` gives its time to `{kickoff}`, which is `{describe_type(variable.type)}`",
            plan.span,
            "here",
            "let the input be a `datetime`",
            Label(variable.span, f"`{kickoff}` is declared here"),
        )
    elif kickoff in plan.fixed:
        yield entity_fault(
            "contradictory-options",
            f"the launch plan `{name}` fixes `{kickoff}`, and its schedule gives it the time",
            plan.span,
            "here",
            "do not fix it, or leave `kickoff_time_input_arg` out",
        )
    for key, found in launch_plan_inputs(plan, interface).items():
        if key != kickoff and found.required and not takes_none(found.variable.type):
            yield entity_fault(
                "schedule-lacks-input",
                f"the launch plan `{name}` has a schedule, and nobody to give `{key}`",
                plan.span,
                "here",
                f"give `{key}` a default, fix it, or name it as `kickoff_time_input_arg` if it is to be the time",
                Label(found.variable.span, f"`{key}` is declared here"),
            )
