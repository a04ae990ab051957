"""A container's command for one attempt: Flyte's template variables, filled in."""

from collections.abc import Callable, Mapping

from flytelike.model.failure import Failure, Fault
from flytelike.model.literals import Literal
from propeller.executors.codes import BAD_TASK
from propeller.executors.templates import names_in, render
from propeller.ports import AttemptKey, AttemptSpec

OURS = "flytelike-execute"
"""The program of the platform's own SDK; its documents appear whole or not at all."""


def shows_inputs(words: tuple[str, ...]) -> bool:
    """Tell whether words show values of inputs, which must be read to render them."""
    return any(name.startswith("inputs.") for name in names_in(words))


def shows_task_template(words: tuple[str, ...]) -> bool:
    """Tell whether words name the file of the task's template."""
    return "tasktemplatepath" in names_in(words)


def shows_attempt(words: tuple[str, ...]) -> bool:
    """Tell whether words show what differs from one element of an array to the next, but for its places."""
    own = {"perretryuniquekey", "tasktemplatepath"}
    return any(name in own or name.startswith("inputs.") for name in names_in(words))


def command_words(spec: AttemptSpec) -> tuple[str, ...]:
    """Return the command and the arguments of an attempt's container, as its task has them."""
    container = spec.task.container
    return (*container.command, *container.args) if container is not None else ()


def rendered(
    words: tuple[str, ...], spec: AttemptSpec, inputs: Mapping[str, Literal], written: Callable[[str], str] = str
) -> tuple[str, ...]:
    """Return words with the variables of an attempt filled in; `written` is how the text of an input is put there.

    Raises `TemplateError`.
    """
    return render(words, lambda name: _variable(name, spec), inputs.get, written)


def unique_key(key: AttemptKey) -> str:
    """Return a name for the attempt that holds only letters, digits and underscores."""
    name = f"{key.execution.name}_{key.path}_{key.attempt}"
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def bad_task(message: str) -> Failure:
    """Return the failure of a task that no retry makes runnable."""
    return Failure(BAD_TASK, message, Fault.USER, retryable=False)


def _variable(name: str, spec: AttemptSpec) -> str | None:
    match name:
        case "input":
            return spec.inputs_uri
        case "inputprefix":
            return spec.inputs_uri.rpartition("/")[0]
        case "outputprefix":
            return spec.output_prefix
        case "rawoutputdataprefix":
            return spec.raw_output_prefix
        case "checkpointoutputprefix":
            return spec.checkpoint_prefix
        case "prevcheckpointprefix":
            return spec.previous_checkpoint_prefix or '""'
        case "perretryuniquekey":
            return unique_key(spec.key)
        case "tasktemplatepath":
            return f"{spec.output_prefix}/task.pb"
        case "namespace":
            return f"{spec.key.execution.project}-{spec.key.execution.domain}"
        case _:
            return None
