"""What authors test their workflows with."""

from flytelike.sdk.signals import SignalRefused, signals

__all__ = ["SignalRefused", "signals"]
