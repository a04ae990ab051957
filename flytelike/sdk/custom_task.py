"""Kinds of tasks of an author's or a plugin's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from typing_extensions import Unpack, override

from flytelike.current import TaskContext, current_context, entered
from flytelike.sdk.instance_task import InstanceTask
from flytelike.sdk.metadata import TaskMetadata
from flytelike.sdk.signature import Hint
from flytelike.sdk.task import Task
from flytelike.sdk.task_options import TaskOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interface:
    """What a task takes and gives, as types by name."""

    inputs: Mapping[str, Hint] = field(default_factory=dict)
    outputs: Mapping[str, Hint] = field(default_factory=dict)


class PythonFunctionTask(Task[..., Any], Generic[T]):
    """An author's function run in a plugin's way: override what differs.

    Register it for the class of its configuration, `TaskPlugins.register_pythontask_plugin(Config, MyTask)`, and
    `@task(task_config=Config(...))` makes one. `get_custom` and `get_config` go into the spec.
    """

    def __init__(
        self,
        task_config: T,
        task_function: Callable[..., Any],
        task_type: str = "python-task",
        **options: Unpack[TaskOptions],
    ) -> None:
        """Wrap a function.

        Args:
            task_config: The configuration.
            task_function: The author's function.
            task_type: What kind of task it is to the platform.
            **options: See `TaskOptions`.
        """
        super().__init__(task_function, options)
        self.task_config: T = task_config
        self.task_type = task_type

    def pre_execute(self, user_params: TaskContext) -> TaskContext:
        """Prepare, before `execute`; return what `current_context()` shall be."""
        return user_params

    def execute(self, **kwargs: Any) -> Any:  # noqa: ANN401 - the author's values
        """Do the work: call the author's function."""
        return self.function(**kwargs)

    def post_execute(self, user_params: TaskContext, rval: Any) -> Any:  # noqa: ANN401, ARG002 - for subclasses
        """Finish, after `execute`; return what the task gives."""
        return rval

    @override
    def call(self, inputs: Mapping[str, object]) -> object:
        return in_steps(self, inputs)


class PythonInstanceTask(InstanceTask, Generic[T]):
    """A task without a function: `execute` in a subclass says what it does.

    A variable at the top level of a module must hold it; a worker looks for it there.
    """

    def __init__(
        self,
        name: str,
        task_config: T,
        task_type: str = "python-task",
        interface: Interface | None = None,
        metadata: TaskMetadata | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        """Make a task.

        Args:
            name: What it is registered as.
            task_config: The configuration.
            task_type: What kind of task it is to the platform.
            interface: What it takes and gives.
            metadata: Policies; options of the same names come before it.
            **options: See `TaskOptions`.
        """
        known = interface or Interface()
        super().__init__(name, known.inputs, known.outputs, metadata, options)
        self.task_config: T = task_config
        self.task_type = task_type

    def pre_execute(self, user_params: TaskContext) -> TaskContext:
        """Prepare, before `execute`; return what `current_context()` shall be."""
        return user_params

    def post_execute(self, user_params: TaskContext, rval: Any) -> Any:  # noqa: ANN401, ARG002 - for subclasses
        """Finish, after `execute`; return what the task gives."""
        return rval

    @override
    def call(self, inputs: Mapping[str, object]) -> object:
        return in_steps(self, inputs)


def in_steps(task: PythonFunctionTask[Any] | PythonInstanceTask[Any], inputs: Mapping[str, object]) -> object:
    """Prepare, do the work and finish."""
    context = task.pre_execute(current_context())
    with entered(context):
        return task.post_execute(context, task.execute(**inputs))
