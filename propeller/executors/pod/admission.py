"""When an attempt's pod may be made: asked before the cluster is, so that its scheduler is never flooded."""

from collections.abc import Callable
from typing import Protocol

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from propeller.executors.pod.settings import Json
from propeller.ports import AttemptKey


class Admission(Protocol):
    """Lets pods in.

    An attempt whose pod is there already is not asked for. Others are asked for again after a restart.
    """

    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None]) -> None:
        """Return once the pod of an attempt may be made. Cancelled when the attempt is not wanted any more.

        Args:
            key: The attempt.
            pod: Its manifest, with all that it asks for.
            told: Called with what it waits for.
        """

    def released(self, key: AttemptKey) -> None:
        """Take in that an attempt has ended; also of one that was never admitted."""


class AllAdmitted(Admission):
    """Lets all in at once."""

    @override
    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None]) -> None:
        del key, pod, told

    @override
    def released(self, key: AttemptKey) -> None:
        del key
