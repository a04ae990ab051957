"""The variables of the environment that Flyte's task contract promises to a task."""

from flytelike.model.ids import Identifier
from propeller.ports import AttemptSpec


def contract_variables(spec: AttemptSpec) -> dict[str, str]:
    """Return the variables of Flyte's task contract.

    Flyte's engine leaves the launch plan out, though its SDK asks for it.
    """
    execution, task = spec.key.execution, spec.task.id
    return {
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW": _named(spec.workflow),
        "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": _named(spec.launch_plan),
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
        "FLYTE_ATTEMPT_NUMBER": str(spec.key.attempt),
        "FLYTELIKE_EXECUTION_STARTED_NS": str(spec.execution_started_ns),
        # Not Flyte's: in whose name an eager task calls.
        "FLYTELIKE_NODE": spec.key.path,
    }


def _named(identifier: Identifier) -> str:
    """Return an entity's name as the task contract writes it, without its version."""
    return f"{identifier.project}:{identifier.domain}:{identifier.name}"
