"""From an attempt to the manifest that is sent, or to its end where nothing has to run."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from flytelike.codec.pod_orders import BatchOrder
from flytelike.codec.tasks import task_template_to_proto
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId
from flytelike.storage import NotFound
from propeller.executors.command import bad_task, shows_inputs, shows_task_template
from propeller.executors.ending import Ending, GaveNodes
from propeller.executors.pod.faults import failure_of_faults
from propeller.executors.pod.judging import is_ours
from propeller.executors.pod.manifest import PodOrder, manifest, namespace_of, pod_words
from propeller.executors.pod.reuse import Shared, can_share, fits, shared
from propeller.executors.pod.settings import Json, PodSettings
from propeller.executors.results import Results
from propeller.executors.templates import TemplateError
from propeller.kube.errors import ObjectNotFound
from propeller.kube.ports import POD_TEMPLATES, Objects
from propeller.ports import AttemptSpec

_LOG = logging.getLogger(__name__)

OwnerOf = Callable[[str, ExecutionId], Json | None]
"""Gives the reference to the object of a namespace that stands for an execution; None where there is none."""


def no_owner(_namespace: str, _execution: ExecutionId) -> Json | None:
    """Return None: nothing in the cluster stands for executions."""
    return None


@dataclass(frozen=True, slots=True)
class Ended:
    """There is nothing to run."""

    ending: Ending


class Preparer:
    """Prepares attempts: their documents are stored, their templates read."""

    def __init__(self, settings: PodSettings, objects: Objects, results: Results, owner_of: OwnerOf) -> None:
        """Read templates from the API server and documents from the store."""
        self._settings = settings
        self._owner_of = owner_of
        self._objects = objects
        self._results = results

    async def prepared(self, spec: AttemptSpec) -> Json | Shared | Ended:
        """Return the pod to make, or what a worker is to be given; or how it ended, before a restart or without a pod.

        Raises `StorageError` and `KubernetesError`, where trying again may help; OSError if the platform's own files
        are gone.
        """
        words = pod_words(spec)
        if spec.inputs is not None:
            await self._results.put_inputs(spec.inputs_uri, spec.inputs)
        marked = not is_ours(spec)
        stored: Failure | GaveNodes | bool = False
        if not spec.fresh:
            declared = spec.task.interface.outputs
            stored = await self._results.of_whole_attempt(spec.output_prefix, declared, marked=marked)
        if stored is not False:
            return Ended(None if stored is True else stored)
        try:
            inputs = await self._results.inputs(spec) if shows_inputs(words) else {}
        except NotFound:
            return Ended(bad_task(f"there are no inputs at {spec.inputs_uri}"))
        template = await self._template(spec)
        if isinstance(template, Failure):
            return Ended(template)
        try:
            owner = self._owner_of(namespace_of(spec.key, self._settings), spec.key.execution)
            order = PodOrder(spec, inputs, template, owner, await self._authority(spec))
            found = shared(order, self._settings) if can_share(spec) else None
            pod = manifest(order, self._settings) if found is None else {}
        except DiagnosticError as error:
            return Ended(failure_of_faults(error.diagnostics))
        except TemplateError as error:
            return Ended(bad_task(str(error)))
        if marked and not spec.fresh:
            await self._results.clear(spec.output_prefix)
        if shows_task_template(words):
            document = task_template_to_proto(spec.task).SerializeToString(deterministic=True)
            await self._results.put(spec.output_prefix, "task.pb", document)
        return found or pod

    async def batch(self, spec: AttemptSpec, order: BatchOrder) -> Shared | None:
        """Return what a worker is to be given for elements of an array; None if it cannot be given that.

        Raises `KubernetesError`.
        """
        template = await self._template(spec)
        if isinstance(template, Failure):
            return None
        try:
            found = shared(PodOrder(spec, {}, template), self._settings)
        except (DiagnosticError, TemplateError):
            return None
        wanted = None if found is None else replace(found, batch=order)
        return wanted if wanted is not None and fits(wanted) else None

    async def _authority(self, spec: AttemptSpec) -> str:
        """Return whom an eager task trusts, as the file says just now; nothing for others."""
        calling = self._settings.calling
        if calling is None or calling.ca_file is None or not spec.task.metadata.is_eager:
            return ""
        return await asyncio.to_thread(calling.ca_file.read_text, encoding="ascii")

    async def _template(self, spec: AttemptSpec) -> Json | Failure:
        """Return the `PodTemplate` that the task names, or the platform's; nothing without one."""
        asked = spec.task.metadata.pod_template_name
        name = asked or self._settings.template_name
        if not name:
            return {}
        own = namespace_of(spec.key, self._settings)
        for namespace in filter(None, (own, self._settings.template_namespace)):
            try:
                found = await self._objects.get(POD_TEMPLATES, namespace, name)
            except ObjectNotFound:
                continue
            template: Json = found.get("template") or {}
            return {"metadata": _labelled(template), "spec": template.get("spec") or {}}
        if not asked:
            _LOG.warning("there is no PodTemplate %s, which all pods in %s should be made from", name, own)
            return {}
        headline = f"there is no PodTemplate `{name}` in the namespace `{own}`, which the task names"
        fault = Diagnostic("pod-template-not-found", headline, help=("create it, or correct `pod_template_name`",))
        return failure_of_faults([fault])


def _labelled(template: Json) -> Json:
    metadata = template.get("metadata") or {}
    return {name: metadata[name] for name in ("labels", "annotations") if metadata.get(name)}
