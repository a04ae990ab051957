"""Which secret a task may read."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, TypeAlias


class MountType(IntEnum):
    """How a secret reaches the task."""

    ANY = 0
    ENV_VAR = 1
    FILE = 2


_Mounting: TypeAlias = MountType
"""The same; authors write `Secret.MountType`."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by name; its value is never part of a spec.

    Attributes:
        group: The group (on Kubernetes: the secret) it belongs to.
        key: Its key in the group.
        group_version: A version of the group, if the store keeps several.
        mount_requirement: How it must reach the task.
        env_var: The environment variable that shall hold it, instead of the usual name.
    """

    group: str = ""
    key: str = ""
    group_version: str = ""
    mount_requirement: _Mounting = _Mounting.ANY
    env_var: str = ""

    MountType: ClassVar[type[_Mounting]] = _Mounting
