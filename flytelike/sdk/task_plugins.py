"""Which class of tasks a configuration asks for: `@task(task_config=...)`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from flytelike.model.diagnostic import DiagnosticError
from flytelike.sdk.faults import fault
from flytelike.sdk.frames import author_site

if TYPE_CHECKING:
    from flytelike.sdk.task import Task


TaskClass: TypeAlias = Callable[..., "Task[..., Any]"]
"""A class of tasks that a plugin brings; made with `task_config`, `task_function` and the options of `@task`."""


class TaskPlugins:
    """The classes of tasks by the class of their configuration."""

    _known: ClassVar[dict[type, TaskClass]] = {}

    @classmethod
    def register_pythontask_plugin(cls, plugin_config_type: type, plugin: TaskClass) -> None:
        """Let `@task(task_config=...)` with such a configuration, or one that inherits from it, make such tasks.

        Raises:
            TypeError: Another plugin has registered for it.
        """
        known = cls._known.setdefault(plugin_config_type, plugin)
        if known is not plugin:
            name = plugin_config_type.__qualname__
            raise TypeError(f"tasks with a {name} are made by {known!r} already, and {plugin!r} wants to make them too")

    @classmethod
    def find_pythontask_plugin(cls, plugin_config_type: type) -> TaskClass:
        """Return the class for a configuration's class.

        Raises:
            DiagnosticError: `unknown-task-config` when no plugin knows it.
        """
        for base in plugin_config_type.__mro__:
            if base in cls._known:
                return cls._known[base]
        name = plugin_config_type.__qualname__
        raise DiagnosticError(
            [
                fault(
                    "unknown-task-config",
                    f"no plugin makes tasks with a `{name}`",
                    author_site().span,
                    "this task",
                    help=(
                        "import the plugin that brings it",
                        f"or register one: `TaskPlugins.register_pythontask_plugin({name}, TaskClass)`",
                    ),
                )
            ]
        )
