"""Container images on a machine that runs no containers: each may stand for a virtual environment.

A task names an image. Here nothing is pulled: tasks of the images that match a pattern run with
the programs of an environment in a folder, and those of other images with the platform's own.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_OF_PLATFORM = frozenset({"PYTHONHOME", "PYTHONPATH"})


@dataclass(frozen=True, slots=True)
class ImageEnvironment:
    """Images that stand for an environment.

    Attributes:
        pattern: An image's name, in which `*`, `?` and `[...]` stand for others. Without a tag or
            digest it covers every one of the image.
        folder: The environment: its programs lie in `bin` below.
    """

    pattern: str
    folder: Path

    @property
    def programs(self) -> Path:
        """Return the folder of the environment's programs."""
        return self.folder / "bin"

    def entered(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` as it is for programs that run in this environment.

        They find its programs and then the machine's. They find none of the platform's own, and
        none of its modules: those would stand in, unseen, for what the environment lacks.
        """
        kept = {name: value for name, value in env.items() if name not in _OF_PLATFORM}
        return {**kept, **self.told(env)}

    def told(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return only what has other values in this environment than in `env`."""
        own = str(Path(sys.executable).parent)
        path = [folder for folder in env.get("PATH", os.defpath).split(os.pathsep) if folder not in {"", own}]
        return {"PATH": os.pathsep.join([str(self.programs), *path]), "VIRTUAL_ENV": str(self.folder)}

    def covers(self, image: str) -> bool:
        """Tell whether a task of `image` runs in this environment."""
        return fnmatchcase(image, self.pattern) or fnmatchcase(repository(image), self.pattern)


def environment_for(image: str, environments: Iterable[ImageEnvironment]) -> ImageEnvironment | None:
    """Return the first environment that covers `image`; None for the platform's own."""
    return next((environment for environment in environments if environment.covers(image)), None)


def repository(image: str) -> str:
    """Return an image's name without its tag and digest: `host:5000/a/b` of `host:5000/a/b:1@sha256:...`."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
