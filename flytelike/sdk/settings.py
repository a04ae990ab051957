"""What registration decides about specs: names, version, code, image. Nothing of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.model.image import PLATFORM_IMAGE


@dataclass(frozen=True, slots=True)
class Settings:
    """How entities become templates.

    Attributes:
        project: The project of entities that say none.
        domain: The domain likewise.
        version: The version likewise; may be empty while the version is being computed.
        root: The folder that source spans are relative to.
        code: The digest of the code bundle (`sha256:...`); empty when the code is in the image.
        image: The container image of tasks that name none.
        env: Environment variables of all tasks.
    """

    project: str
    domain: str
    version: str
    root: Path
    code: str = ""
    image: str = PLATFORM_IMAGE
    env: Mapping[str, str] = field(default_factory=dict)
