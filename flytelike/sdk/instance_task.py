"""Tasks that are objects rather than functions: their inputs and outputs are declared by name."""

import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.span import SourceSpan
from flytelike.sdk.declared import Declaration, declared_signature, stand_in
from flytelike.sdk.faults import fault
from flytelike.sdk.metadata import TaskMetadata
from flytelike.sdk.signature import Hint, Signature, plain_function
from flytelike.sdk.task import Task
from flytelike.sdk.task_options import TaskOptions


class InstanceTask(Task[..., Any]):
    """A task that is an object; a subclass says in `execute` what it does.

    A type checker cannot know what `kwtypes` declare: calls take anything and give `Any`, unless the mypy plugin is on.
    """

    found_by_variable: ClassVar[bool] = True
    """Whether a worker looks for the object in its module."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, Hint] | None,
        outputs: Mapping[str, Hint] | None,
        metadata: TaskMetadata | None,
        options: TaskOptions,
    ) -> None:
        """Make a task.

        Args:
            name: What it is registered as.
            inputs: Types by name, as `kwtypes` gives them.
            outputs: Likewise; one is handed back as it is, several as a named tuple.
            metadata: Policies; they come before `options`.
            options: See `TaskOptions`.
        """
        self.declaration: Declaration = Declaration.of(self)
        self._inputs: dict[str, Hint] = dict(inputs or {})
        self._outputs: dict[str, Hint] = dict(outputs or {})
        function = stand_in(name, self.declaration.module, self._inputs, self.execute)
        given = {**(metadata.options if metadata is not None else {}), **options}
        super().__init__(function, cast("TaskOptions", given))
        self.given_name = name

    def execute(self, **inputs: Any) -> Any:  # noqa: ANN401, ARG002 - for subclasses
        """Do the work: take inputs by name, return the outputs."""
        raise TypeError(f"{type(self).__name__} does not say what it does: define `execute`")

    @cached_property
    @override
    def signature(self) -> Signature:
        """What it takes and gives."""
        code = plain_function(self.function).__code__
        return declared_signature(self._inputs, self._outputs, code, self.declaration.span())

    @override
    def option_span(self, option: str) -> SourceSpan:
        return self.declaration.span(option)

    @override
    def own_faults(self) -> Iterable[Diagnostic]:
        if not self.given_name:
            yield fault("invalid-option", "`name` must not be empty", self.declaration.span("name"))

    @property
    @override
    def location(self) -> tuple[str, str]:
        """The module and the variable in it that holds this task; an empty variable when none does."""
        module = self.declaration.module
        names = vars(sys.modules[module]) if module in sys.modules else {}
        return module, next((name for name, value in names.items() if value is self), "")


def not_in_module(task: InstanceTask) -> Diagnostic:
    """Return the fault of a task that no variable of its module holds, so that no worker could find it."""
    return fault(
        "task-without-variable",
        f"the task `{task.short_name}` is held by no variable of `{task.declaration.module}`",
        task.declaration.span(),
        "made here",
        help=("give it a name at the top level of the module: a worker imports the module and looks there",),
    )
