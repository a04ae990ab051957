"""Under which names entities are registered, and where in a project they stand."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePath

from flytelike.model.ids import Identifier
from flytelike.model.span import SourceSpan
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.reference import Reference
from flytelike.sdk.settings import Settings


def identifier_of(entity: AnyEntity, settings: Settings) -> Identifier:
    """Return the name under which an entity is (or was) registered."""
    if isinstance(entity, Reference):
        return entity.identifier
    kind, name = entity.resource_kind, entity.registered_name
    return Identifier(kind, settings.project, settings.domain, name, settings.version)


def relative(span: SourceSpan, root: Path) -> SourceSpan:
    """Return a span whose file is relative to the project's root."""
    return replace(span, file=relative_path(span.file, root))


@lru_cache(maxsize=4096)
def relative_path(file: str, root: Path) -> str:
    """Return a file's path below `root` with forward slashes; its name alone when it lies elsewhere."""
    path = PurePath(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
