"""What authors test their workflows with."""

from typing import NoReturn

from flytelike.sdk.signals import SignalRefused, signals

__all__ = ["SignalRefused", "signals"]


def __getattr__(name: str) -> NoReturn:
    """Tell a name that is not there."""
    raise AttributeError(f"module `flytelike.testing` has no attribute `{name}`")
