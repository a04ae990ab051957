"""What is wrong with a task's pod, told all at once."""

from collections.abc import Sequence

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from propeller.executors.command import bad_task


class Faults:
    """Collects diagnostics while a pod is built."""

    def __init__(self) -> None:
        """Begin with none."""
        self.found: list[Diagnostic] = []

    def add(self, code: str, headline: str, *advice: str) -> None:
        """Add a fault; one that was told already is not told again."""
        fault = Diagnostic(code, headline, help=advice)
        if fault not in self.found:
            self.found.append(fault)


def failure_of_faults(faults: Sequence[Diagnostic]) -> Failure:
    """Return the failure of an attempt whose pod cannot be made."""
    return bad_task("\n".join(_lines(fault) for fault in faults))


def _lines(fault: Diagnostic) -> str:
    return "\n".join([f"error[{fault.code}]: {fault.headline}", *(f"  help: {advice}" for advice in fault.help)])
