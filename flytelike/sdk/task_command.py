"""How a task of Python code is started: the command that finds it again and runs it."""

from flytelike.sdk.settings import Settings

EXECUTE = (
    "flytelike-execute",
    "--inputs",
    "{{.input}}",
    "--output-prefix",
    "{{.outputPrefix}}",
    "--raw-output-data-prefix",
    "{{.rawOutputDataPrefix}}",
    "--checkpoint-path",
    "{{.checkpointOutputPrefix}}",
    "--prev-checkpoint",
    "{{.prevCheckpointPrefix}}",
)


def execute_arguments(settings: Settings, module: str, variable: str) -> tuple[str, ...]:
    """Return the arguments of a container that runs the task which a variable of a module holds."""
    code = ("--code", settings.code) if settings.code else ()
    return (*EXECUTE, *code, "--", "module", module, "task", variable)
