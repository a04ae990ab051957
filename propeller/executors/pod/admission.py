"""When an attempt's pod may be made: asked before the cluster is, so that its scheduler is never flooded."""

from collections.abc import Callable, Sequence
from typing import Protocol

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from propeller.executors.pod.settings import Json
from propeller.ports import AttemptKey


class NeverAdmitted(Exception):
    """An attempt's pod may never be made."""

    def __init__(self, failure: Failure) -> None:
        """Keep what the attempt fails with."""
        super().__init__(failure.message)
        self.failure = failure


class Admission(Protocol):
    """Lets pods in.

    Of an attempt whose pod is there already it is told. Others are asked for again after a restart.
    """

    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        """Return once the pod of an attempt may be made. Cancelled when the attempt is not wanted any more.

        Args:
            key: The attempt.
            pod: Its manifest, with all that it asks for.
            told: Called with what it waits for.
            priority: Who is more urgent goes first.

        Raises:
            NeverAdmitted: It may never be made.
        """

    def resumed(self, key: AttemptKey, pod: Json) -> None:
        """Take in that an attempt's pod was made before."""

    def released(self, key: AttemptKey) -> None:
        """Take in that an attempt has ended; also of one that was never admitted."""


class AllAdmitted(Admission):
    """Lets all in at once."""

    @override
    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        del key, pod, told, priority

    @override
    def resumed(self, key: AttemptKey, pod: Json) -> None:
        del key, pod

    @override
    def released(self, key: AttemptKey) -> None:
        del key


class AdmittedByAll(Admission):
    """Lets in what several let in, one after the other."""

    def __init__(self, admissions: Sequence[Admission]) -> None:
        """Ask `admissions` in their order."""
        self._admissions = admissions

    @override
    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        for admission in self._admissions:
            await admission.admitted(key, pod, told, priority)

    @override
    def resumed(self, key: AttemptKey, pod: Json) -> None:
        for admission in self._admissions:
            admission.resumed(key, pod)

    @override
    def released(self, key: AttemptKey) -> None:
        for admission in self._admissions:
            admission.released(key)
