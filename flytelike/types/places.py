"""Places that are paths or uris."""

from pathlib import Path

from flytelike.storage import is_local


def local_path(place: str) -> Path | None:
    """Return the absolute path of a place on this machine (a path or a `file://` uri), None for others."""
    if "://" in place and not is_local(place):
        return None
    return Path(place.removeprefix("file://")).absolute()
