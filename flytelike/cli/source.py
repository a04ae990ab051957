"""What `flytelike execute` is pointed at: where it comes from, and what it takes."""

import click
from typing_extensions import override

from flytelike.cli import target as targets
from flytelike.cli.authored import author, registered
from flytelike.cli.failure import show_diagnostics
from flytelike.cli.input_flags import shown_parameters
from flytelike.cli.packing import Packing
from flytelike.cli.register import conflict, summary
from flytelike.compiler.describe import describe_type
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.interface import Parameter, Variable
from flytelike.model.literals import Literal
from flytelike.remote import Client, registry
from flytelike.sdk.modules import load


def source_of(target: targets.Target, project: str, domain: str, packing: Packing) -> "Source":
    """Return a file's entity, compiled here, or a registered one, to be looked up. Raises DiagnosticError."""
    if isinstance(target, targets.FileTarget):
        return FileSource(target, project, domain, packing)
    return RegisteredSource(target, project, domain)


class Source:
    """Where the target comes from, and what it takes once that is known."""

    def __init__(self, identifier: Identifier) -> None:
        """Name what is executed; the rest is filled in."""
        self.identifier = identifier
        self.parameters: dict[str, Parameter] = {}
        self.outputs: dict[str, Variable] = {}
        self.text = ""
        self.registered = False

    def defaults(self) -> dict[str, Literal]:
        """Return the values of inputs left out of a task: it has no launch plan that would know them."""
        if self.identifier.kind is not ResourceKind.TASK:
            return {}
        return {name: found.default for name, found in self.parameters.items() if found.default is not None}

    async def prepare(self, client: Client) -> None:
        """Make the target known to the platform, and its inputs known here."""

    def help_text(self, words: str) -> str:
        """Return what `--help` on the target prints."""
        given = ", ".join(f"{name}: {describe_type(found.type)}" for name, found in self.outputs.items()) or "nothing"
        parts = [f"Usage: flytelike execute {words} [--INPUT VALUE]...", self.text]
        return "\n\n".join([*filter(None, parts), shown_parameters(self.parameters), f"Outputs: {given}"])


class FileSource(Source):
    """An entity in a file of the author's."""

    def __init__(self, target: targets.FileTarget, project: str, domain: str, packing: Packing) -> None:
        """Load, trace and compile it. Raises DiagnosticError."""
        loaded = load([target.path])
        entity = loaded.named(target.entity)
        self.authored = author(loaded, [entity], project, domain, packing)
        show_diagnostics(self.authored.warnings)
        kind = entity.resource_kind
        found = self.authored.templates
        name = getattr(entity, "workflow", entity).registered_name
        launch = ResourceKind.TASK if kind is ResourceKind.TASK else ResourceKind.LAUNCH_PLAN
        super().__init__(Identifier(launch, project, domain, entity.registered_name, self.authored.version))
        if launch is ResourceKind.TASK:
            template = next(task for task in found.tasks if task.id == self.identifier)
            self.parameters = {key: Parameter(variable) for key, variable in template.interface.inputs.items()}
            self.parameters.update(task_defaults(entity, self.parameters))
            self.outputs = dict(template.interface.outputs)
        else:
            plan = next(plan for plan in found.launch_plans if plan.id == self.identifier)
            workflow = next(workflow for workflow in found.workflows if workflow.id == plan.workflow)
            self.parameters = dict(plan.inputs)
            self.outputs = dict(workflow.interface.outputs)
        docs = [doc for key, doc in found.documentation.items() if key.name == name]
        self.text = "\n\n".join(filter(None, (docs[0].short, docs[0].long))) if docs else ""

    @override
    async def prepare(self, client: Client) -> None:
        """Register it."""
        outcome = await registered(client, self.authored)
        refused = [conflict(found) for found in outcome.registration.entities if found.outcome == "CONFLICT"]
        faults = [*outcome.registration.diagnostics, *refused]
        if any(found.outcome in {"CONFLICT", "REJECTED"} for found in outcome.registration.entities):
            raise DiagnosticError(faults)
        show_diagnostics(faults)
        click.echo(summary(self.authored, outcome, dry_run=False), err=True)


class RegisteredSource(Source):
    """Something registered before."""

    def __init__(self, target: targets.RegisteredTarget, project: str, domain: str) -> None:
        """Keep the name until a client is there."""
        super().__init__(Identifier(ResourceKind.LAUNCH_PLAN, project, domain, target.name, target.version))
        self.registered = True

    @override
    async def prepare(self, client: Client) -> None:
        """Look it up. Raises DiagnosticError when there is nothing of that name."""
        wanted = self.identifier
        found = await registry.find_target(client, wanted.project, wanted.domain, wanted.name, wanted.version)
        if found is None:
            raise DiagnosticError([not_registered(wanted)])
        self.identifier = found.id
        self.parameters = found.parameters
        self.outputs = dict(found.outputs)


def task_defaults(entity: object, parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    """Return the parameters of a task that have defaults in its signature."""
    from flytelike.sdk.bindings import literal_of  # noqa: PLC0415 - only for tasks run by themselves
    from flytelike.sdk.entity import NodeEntity  # noqa: PLC0415
    from flytelike.sdk.signature import NO_DEFAULT  # noqa: PLC0415

    assert isinstance(entity, NodeEntity)
    return {
        name: Parameter(parameters[name].variable, literal_of(found.default, found.hint), required=False)
        for name, found in entity.signature.inputs.items()
        if found.default is not NO_DEFAULT
    }


def not_registered(wanted: Identifier) -> Diagnostic:
    """Return the diagnostic for a name nobody registered."""
    return Diagnostic(
        "not-registered",
        f"nothing named {wanted} is registered",
        help=("see `flytelike get workflows` and `flytelike get tasks`", "a file is named with its `.py`"),
    )
