"""Which files a task needs, as a deterministic archive. It must not know where the archive goes."""

from flytelike.bundle.collect import Bundle, collect
from flytelike.bundle.version import default_version

__all__ = ["Bundle", "collect", "default_version"]
