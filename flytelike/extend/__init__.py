"""What authors of plugins write kinds of tasks with."""

from flytelike.current import TaskContext
from flytelike.sdk.custom_task import Interface, PythonFunctionTask, PythonInstanceTask
from flytelike.sdk.settings import Settings as SerializationSettings
from flytelike.sdk.task_plugins import TaskClass, TaskPlugins

__all__ = [
    "Interface",
    "PythonFunctionTask",
    "PythonInstanceTask",
    "SerializationSettings",
    "TaskClass",
    "TaskContext",
    "TaskPlugins",
]
