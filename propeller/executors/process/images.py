"""Container images on a machine that runs no containers: each may stand for a virtual environment.

A task names an image. Here nothing is pulled: `PATTERN=FOLDER` says that tasks of the images
that match run with the programs of the environment in that folder. Tasks of other images run with
those of the platform's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


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
