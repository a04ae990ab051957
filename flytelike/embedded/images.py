"""Which container images stand for which virtual environment: what people write, made sure of."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.executors.process import ImageEnvironment

_WORD = "write IMAGE=FOLDER, such as `cr.flyte.org/flyteorg/flytekit=/opt/flytekit`"
_LINE = "write IMAGE: FOLDER on a line for each image, such as `cr.flyte.org/flyteorg/flytekit: /opt/flytekit`"


def image_environments(words: Iterable[str], file: Path) -> tuple[ImageEnvironment, ...]:
    """Return the environments that images stand for; the first that covers an image counts.

    Args:
        words: `IMAGE=FOLDER`, in their order. A relative folder counts from the current one.
        file: YAML of `IMAGE: FOLDER` lines, which come after the words; it need not exist. A
            relative folder counts from the file's.

    Raises:
        DiagnosticError: `invalid-image-map` for what is no image and folder, and
            `environment-not-found` for a folder without a Python of its own; all faults at once.
    """
    reading = _Reading()
    for word in words:
        pattern, _, folder = word.partition("=")
        if pattern.strip() and folder.strip():
            reading.add(pattern, Path(), folder)
        else:
            reading.faults.append(malformed(f"{word!r} is not IMAGE=FOLDER", _WORD))
    reading.read(file)
    if reading.faults:
        raise DiagnosticError(reading.faults)
    return tuple(reading.found)


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    found: list[ImageEnvironment] = field(default_factory=list)
    faults: list[Diagnostic] = field(default_factory=list)

    def add(self, pattern: str, base: Path, folder: str) -> None:
        """Take an environment over, if it is one."""
        environment = ImageEnvironment(pattern.strip(), (base / Path(folder.strip()).expanduser()).absolute())
        if os.access(environment.programs / "python", os.X_OK):
            self.found.append(environment)
        else:
            self.faults.append(missing(environment))

    def read(self, file: Path) -> None:
        """Take over what a file names."""
        if not file.exists():
            return
        import yaml  # noqa: PLC0415 - few have the file, and every start would pay for the import

        try:
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            self.faults.append(malformed(f"{file} cannot be read: {error}", _LINE))
            return
        if not isinstance(document, dict | None):
            self.faults.append(
                malformed(f"{file} holds {type(document).__name__} in place of images and folders", _LINE)
            )
            return
        for pattern, folder in (document or {}).items():
            if isinstance(pattern, str) and isinstance(folder, str):
                self.add(pattern, file.parent, folder)
            else:
                self.faults.append(malformed(f"{file} names no image and folder with {pattern!r}: {folder!r}", _LINE))


def malformed(headline: str, remedy: str) -> Diagnostic:
    """Return the diagnostic for what is no image and folder."""
    return Diagnostic("invalid-image-map", headline, help=(remedy,))


def missing(environment: ImageEnvironment) -> Diagnostic:
    """Return the diagnostic for a folder that is no environment."""
    folder = environment.folder
    return Diagnostic(
        "environment-not-found",
        f"{folder}, named for tasks of {environment.pattern}, is no virtual environment: it has no bin/python",
        help=(f"make it with `python -m venv {folder}` and install what the tasks need",),
    )
