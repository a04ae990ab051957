"""Graphs that dynamic tasks give: compiled by the control plane, grafted onto the execution's program.

What is grafted counts only once the event that names it is stored; it is loaded again, before anything
else, when the execution is read back.
"""

from collections.abc import Mapping

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import Digest, NodePath
from propeller.core.events import AttemptExpanded, AttemptFailed
from propeller.core.plan import UnsupportedPlan, scope_of
from propeller.engine import places
from propeller.engine.program import Program, Programs
from propeller.engine.run import Run, TakeGraph
from propeller.engine.settings import EngineSettings
from propeller.ports import Closures, GraphRefused

FUTURES = "futures.pb"
"""Flyte's name for the document in which a dynamic task says what to run next."""

BUILD_FAILED = "DynamicWorkflowBuildFailed"
"""Flyte's code for a dynamic task whose nodes cannot be run."""


class Subgraphs:
    """Takes what dynamic tasks give."""

    def __init__(self, closures: Closures, programs: Programs, settings: EngineSettings) -> None:
        """Compile through `closures`."""
        self._closures = closures
        self._programs = programs
        self._settings = settings

    async def take(self, run: Run, news: TakeGraph) -> AttemptExpanded | AttemptFailed:
        """Compile and graft what an attempt gave; return what the core is told of it."""
        path, attempt = news.path, news.attempt
        prefix = places.output_prefix(self._settings.metadata_prefix, run.id, path, attempt)
        scope = scope_of(path, attempt)
        digest = run.grafts.get(scope)
        if digest is not None:
            return AttemptExpanded(path, attempt, news.at_ns, digest, news.used)
        try:
            digest = await self._closures.compile(run.id, run.program.task(path), f"{prefix}/{FUTURES}")
            graph = await self._programs.graph(digest)
        except GraphRefused as error:
            return AttemptFailed(path, attempt, news.at_ns, error.failure, news.used)
        except UnsupportedPlan as error:
            failure = Failure(BUILD_FAILED, str(error), Fault.USER, retryable=False)
            return AttemptFailed(path, attempt, news.at_ns, failure, news.used)
        run.program.graft(scope, graph)
        digest = run.grafts.setdefault(scope, digest)
        return AttemptExpanded(path, attempt, news.at_ns, digest, news.used)


async def grafted(program: Program, graphs: Mapping[NodePath, Digest], programs: Programs) -> Program:
    """Return an execution's own program with the graphs that its dynamic nodes gave before.

    Raises:
        KeyError: A graph is gone.
    """
    own = program.copy()
    for scope, digest in graphs.items():
        own.graft(scope, await programs.graph(digest))
    return own
