"""From an author's files to what is registered: templates, code bundle, version."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flytelike.bundle import Bundle, collect, default_version
from flytelike.bundle.collect import Copy
from flytelike.cli.packing import Packing
from flytelike.cli.places import from_here
from flytelike.cli.registering import request_of
from flytelike.codec.digest import digest_of
from flytelike.codec.launch_plans import launch_plan_to_proto
from flytelike.codec.tasks import task_template_to_proto
from flytelike.codec.workflows import workflow_template_to_proto
from flytelike.compiler import check
from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Severity
from flytelike.model.ids import Digest
from flytelike.remote import Client
from flytelike.remote.registration import Registration, register
from flytelike.remote.uploads import upload
from flytelike.sdk.entities import Templates, checked
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.modules import Loaded
from flytelike.sdk.settings import Settings
from flytelike_idl.service import registration_pb2

BUNDLE_NAME = "bundle.tar.gz"


@dataclass(frozen=True, slots=True)
class Authored:
    """Everything that one registration needs."""

    templates: Templates
    request: registration_pb2.RegisterRequest
    bundle: Bundle | None
    version: str
    project: str
    domain: str
    root: Path
    warnings: tuple[Diagnostic, ...] = ()


def author(loaded: Loaded, entities: Iterable[AnyEntity], project: str, domain: str, packing: Packing) -> Authored:
    """Compile entities here and pack their code.

    Raises:
        DiagnosticError: everything that is wrong with the entities.
    """
    chosen = list(entities)
    bundle = None if packing.copy is Copy.NONE else collect(loaded.root, packing.copy)
    code = str(bundle.digest) if bundle is not None else ""
    settings = Settings(project, domain, packing.version, loaded.root, code, packing.image)
    found, diagnostics = checked(chosen, settings)
    diagnostics = from_here((*diagnostics, *check(found.entities, found.references)), loaded.root)
    if any(told.severity is Severity.ERROR for told in diagnostics):
        raise DiagnosticError(diagnostics)
    if not packing.version:
        settings = replace(settings, version=default_version(digests(found)))
        found, _ = checked(chosen, settings)
    return Authored(
        found, request_of(found), bundle, settings.version, project, domain, loaded.root, warnings=diagnostics
    )


def digests(found: Templates) -> list[Digest]:
    """Return the digests of templates that have no version yet."""
    messages = [
        *(task_template_to_proto(task) for task in found.tasks),
        *(workflow_template_to_proto(workflow) for workflow in found.workflows),
        *(launch_plan_to_proto(plan) for plan in found.launch_plans),
    ]
    return [digest_of(message) for message in messages]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What registering did; `uploaded_bytes` is 0 when the code was there already."""

    registration: Registration
    uploaded_bytes: int


async def registered(client: Client, authored: Authored, *, dry_run: bool = False) -> Outcome:
    """Upload the code, once for each digest, and register everything, or nothing."""
    uploaded = 0
    if authored.bundle is not None and not dry_run:
        done = await upload(
            client,
            authored.bundle.content,
            project=authored.project,
            domain=authored.domain,
            folder=authored.bundle.digest.removeprefix("sha256:"),
            filename=BUNDLE_NAME,
        )
        uploaded = len(authored.bundle.content) if done.fresh else 0
    authored.request.dry_run = dry_run
    registration = await register(client, authored.request)
    # The compiler's warnings were told when it ran here.
    placed = [told for told in from_here(registration.diagnostics, authored.root) if told not in authored.warnings]
    registration = replace(registration, diagnostics=tuple(placed))
    return Outcome(registration, uploaded)
