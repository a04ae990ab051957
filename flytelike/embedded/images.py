"""Which container images stand for which virtual environment: what people write, made sure of."""

from collections.abc import Iterable
from pathlib import Path

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.executors.process import ImageEnvironment

HINT = "write IMAGE=FOLDER, such as `cr.flyte.org/flyteorg/flytekit=/opt/flytekit`; `*` stands for any characters"


def images_of(words: Iterable[str]) -> tuple[ImageEnvironment, ...]:
    """Return the environments that `IMAGE=FOLDER` words name, in their order.

    Raises:
        DiagnosticError: `invalid-image-map` for a word of another form, `environment-not-found`
            for a folder without a Python of its own; all faults at once.
    """
    pairs, faults = [], []
    for word in words:
        pattern, _, folder = word.partition("=")
        if pattern and folder:
            pairs.append((pattern, Path(folder).expanduser().absolute()))
        else:
            faults.append(malformed(f"{word!r} is not IMAGE=FOLDER"))
    return checked(pairs, faults)


def images_in(file: Path) -> tuple[ImageEnvironment, ...]:
    """Return the environments that a YAML file of `IMAGE: FOLDER` lines names; none without a file.

    A relative folder counts from the file's. Raises DiagnosticError as `images_of` does.
    """
    if not file.exists():
        return ()
    import yaml  # noqa: PLC0415 - few have the file, and every start would pay for the import

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DiagnosticError([malformed(f"{file} cannot be read: {error}")]) from None
    if document is None:
        return ()
    if not isinstance(document, dict):
        raise DiagnosticError([malformed(f"{file} is not a mapping of images to folders")])
    pairs, faults = [], []
    for pattern, folder in document.items():
        if isinstance(pattern, str) and isinstance(folder, str):
            pairs.append((pattern, file.parent.absolute() / Path(folder).expanduser()))
        else:
            faults.append(malformed(f"{file}: {pattern!r}: {folder!r} is not an image and a folder"))
    return checked(pairs, faults)


def checked(pairs: Iterable[tuple[str, Path]], faults: list[Diagnostic]) -> tuple[ImageEnvironment, ...]:
    """Return the environments, or raise their faults together with those found before."""
    images = tuple(ImageEnvironment(pattern, folder) for pattern, folder in pairs)
    faults = [*faults, *(missing(image) for image in images if not (image.programs / "python").exists())]
    if faults:
        raise DiagnosticError(faults)
    return images


def malformed(headline: str) -> Diagnostic:
    """Return the diagnostic for what is no image and folder."""
    return Diagnostic("invalid-image-map", headline, help=(HINT,))


def missing(image: ImageEnvironment) -> Diagnostic:
    """Return the diagnostic for a folder that is no environment."""
    return Diagnostic(
        "environment-not-found",
        f"{image.folder}, named for tasks of {image.pattern}, is no virtual environment: it has no bin/python",
        help=(f"make it with `python -m venv {image.folder}` and install what the tasks need",),
    )
