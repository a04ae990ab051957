"""`@dynamic`: a task whose body says at run time, knowing its inputs, which calls feed which."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import overload

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import Severity
from flytelike.model.dynamic_job import NODES_MAX, DynamicJob
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.image import PLATFORM_IMAGE
from flytelike.sdk.bindings import storing
from flytelike.sdk.body import Graph, duplicate_ids, outputs_of
from flytelike.sdk.entities import Assembly, checked
from flytelike.sdk.entity import AnyEntity, P, R
from flytelike.sdk.faults import raise_faults
from flytelike.sdk.local import check_inputs, check_outputs
from flytelike.sdk.local_run import run_nodes
from flytelike.sdk.mentions import mentioned
from flytelike.sdk.settings import Settings
from flytelike.sdk.task import Task
from flytelike.sdk.task_options import TaskOptions
from flytelike.sdk.trace import Trace
from flytelike.types.context import ValueContext

SETTINGS = "FLYTELIKE_SETTINGS"
"""The variable that tells a dynamic task how the entities that it calls were registered, as JSON."""

PREFIX = "dn"
"""What the ids of a dynamic task's nodes begin with, as with the stock SDK."""

GRAPH_PREFIX = ".dynamic."
"""Graphs of dynamic tasks are named so, and by their task."""


class Dynamic(Task[P, R]):
    """A dynamic task: to its callers a task like others."""

    def __init__(self, function: Callable[P, R], options: TaskOptions) -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        super().__init__(function, options, "dynamic task")

    @override
    def calls(self) -> Iterable[AnyEntity]:
        return self._mentioned

    @cached_property
    def _mentioned(self) -> tuple[AnyEntity, ...]:
        return tuple(entity for entity in mentioned(self.function) if entity is not self)

    @override
    def environment(self, settings: Settings) -> Mapping[str, str]:
        told = json.dumps({"image": settings.image, "env": dict(settings.env)}, sort_keys=True)
        return {**settings.env, SETTINGS: told}

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Trace the body with values and run the nodes it gives, as plain Python."""
        check_inputs(self.short_name, self.signature, inputs)
        graph = self._graph(inputs)
        raise_faults(graph.faults)
        outputs = run_nodes(graph.nodes, graph.outputs, {})
        check_outputs(self.short_name, self.signature, outputs)
        return outputs

    def expand(
        self, inputs: Mapping[str, object], *, task: Identifier, values: ValueContext, code: str, root: Path
    ) -> DynamicJob | Mapping[str, object]:
        """Run the body; return the graph of the calls it made, or its outputs by name if it made none.

        Args:
            inputs: The arguments.
            task: As what it is registered; what it calls is of the same project, domain and version.
            values: Where data that it gives to calls are stored.
            code: The digest of its code bundle.
            root: The folder of its code.

        Raises:
            DiagnosticError: Everything that is wrong with the graph. What the body raises passes through.
        """
        graph = self._graph(inputs)
        if not graph.nodes:
            raise_faults(graph.faults)
            return graph.outputs
        settings = settings_of(task, code, root)
        with storing(values):
            found, faults = checked(dict.fromkeys(node.entity for node in graph.nodes), settings)
            work = Assembly(settings)
            name = f"{GRAPH_PREFIX}{self.function.__module__}.{self.function.__name__}"
            identifier = Identifier(ResourceKind.WORKFLOW, task.project, task.domain, name, task.version)
            template = work.graph(self, graph, identifier)
        told = (*graph.faults, *faults, *work.faults)
        raise_faults(found for found in told if found.severity is Severity.ERROR)
        return DynamicJob(template, found.tasks, found.workflows, found.launch_plans, found.references)

    def _graph(self, inputs: Mapping[str, object]) -> Graph:
        trace = Trace(self.short_name, self.signature.input_span, prefix=PREFIX, nodes_max=NODES_MAX)
        with trace.going_on():
            result = self.function(**inputs)  # type: ignore[arg-type, call-arg]
        trace.faults.extend(begun.unfinished() for begun in trace.unfinished)
        outputs = outputs_of(self, trace, result)
        trace.faults.extend(duplicate_ids(trace.nodes))
        return Graph(tuple(trace.nodes), outputs, tuple(trace.faults))


def settings_of(task: Identifier, code: str, root: Path) -> Settings:
    """Return how the entities were registered that came with a running task."""
    told = json.loads(os.environ.get(SETTINGS, "{}"))
    image, env = told.get("image", PLATFORM_IMAGE), told.get("env", {})
    return Settings(task.project, task.domain, task.version, root, code, image, env)


@overload
def dynamic(function: Callable[P, R], /) -> Dynamic[P, R]: ...


@overload
def dynamic(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Dynamic[P, R]]: ...


def dynamic(
    function: Callable[P, R] | None = None, /, **options: Unpack[TaskOptions]
) -> Dynamic[P, R] | Callable[[Callable[P, R]], Dynamic[P, R]]:
    """Make a dynamic task of a function. Used with or without parentheses.

    Its body is a workflow's body, run when its inputs are known: calls in it become nodes, and their results
    are promises; its own inputs are values to loop over and to decide on.

    Args:
        function: The function, when used without parentheses.
        **options: See `TaskOptions`.
    """
    if function is not None:
        return Dynamic(function, options)
    return lambda decorated: Dynamic(decorated, options)
