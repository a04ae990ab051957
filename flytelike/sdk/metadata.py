"""`TaskMetadata(...)`: policies of a task in one object, for tasks that are made without a decorator."""

from dataclasses import dataclass
from datetime import timedelta

from flytelike.sdk.task_options import TaskOptions


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """What `@task` takes as options of the same names; see `TaskOptions`."""

    cache: bool = False
    cache_serialize: bool = False
    cache_version: str = ""
    cache_ignore_input_vars: tuple[str, ...] = ()
    interruptible: bool | None = None
    deprecated: str = ""
    retries: int = 0
    timeout: timedelta | int | None = None
    pod_template_name: str | None = None
    generates_deck: bool = False
    priority: int = 0

    @property
    def options(self) -> TaskOptions:
        """The options that say the same."""
        return {
            "cache": self.cache,
            "cache_serialize": self.cache_serialize,
            "cache_version": self.cache_version,
            "cache_ignore_input_vars": self.cache_ignore_input_vars,
            "interruptible": self.interruptible,
            "deprecated": self.deprecated,
            "retries": self.retries,
            "timeout": self.timeout or 0,
            "pod_template_name": self.pod_template_name,
            "enable_deck": self.generates_deck,
            "priority": self.priority,
        }
