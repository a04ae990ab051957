"""From an attempt that was taken over to one that can run: what it needs, its command, its secrets, its documents."""

from flytelike.model.failure import Failure
from flytelike.storage import NotFound
from propeller.executors.command import bad_task
from propeller.executors.ending import Ending
from propeller.executors.process.arrays import Arrays
from propeller.executors.process.live_attempt import LiveAttempt, redacted
from propeller.executors.process.plan import ProgramPlan, needs_inputs, plan_of, task_document, uses_task_template
from propeller.executors.process.secrets import GivenSecrets, gathered
from propeller.executors.process.settings import ProcessSettings
from propeller.executors.results import Results
from propeller.ports_secrets import Secrets


class Runs:
    """The attempt is to be run."""


RUNS = Runs()


class Preparer:
    """Makes attempts ready to run.

    Args:
        results: Their documents.
        arrays: Knows which of them are elements.
        settings: Which images stand for an environment of their own.
        secrets: Gives the secrets that tasks ask for.
    """

    def __init__(self, results: Results, arrays: Arrays, settings: ProcessSettings, secrets: Secrets) -> None:
        self._results = results
        self._arrays = arrays
        self._settings = settings
        self._secrets = secrets

    async def prepared(self, attempt: LiveAttempt) -> "Ending | Runs":
        """Return `RUNS` to run the attempt; else its news."""
        spec = attempt.spec
        needs = self._arrays.needs(spec)
        if isinstance(needs, Failure):
            return needs
        attempt.memory_bytes, attempt.amounts = needs.memory_bytes, needs.amounts
        inputs = {}
        if needs_inputs(spec):
            try:
                inputs = await self._results.inputs(spec)
            except NotFound:
                return bad_task(f"there are no inputs at {spec.inputs_uri}")
        plan = plan_of(spec, inputs, self._settings.images)
        if isinstance(plan, Failure):
            return plan
        attempt.plan = plan
        given = await gathered(spec, self._secrets)
        if isinstance(given, GivenSecrets) and given:
            attempt.secrets, attempt.redactor = given, given.redactor()
        if isinstance(plan, ProgramPlan) and spec.inputs is not None:
            await self._results.put_inputs(spec.inputs_uri, spec.inputs)
        marked = isinstance(plan, ProgramPlan) and plan.marked
        declared = spec.task.interface.outputs
        stored = not spec.fresh and await self._results.of_whole_attempt(spec.output_prefix, declared, marked=marked)
        if isinstance(stored, Failure):
            return redacted(attempt, stored)
        if stored is not False:
            return None if stored is True else stored
        if isinstance(given, Failure):
            return given
        if marked:
            await self._results.clear(spec.output_prefix)
        if uses_task_template(spec):
            await self._results.put(spec.output_prefix, "task.pb", task_document(spec))
        return RUNS
