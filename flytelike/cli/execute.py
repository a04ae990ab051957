"""`flytelike execute`: execute a workflow, task or launch plan."""

import asyncio
import secrets
import string
from pathlib import Path

import click
from typing_extensions import override

from flytelike.bundle.collect import Copy
from flytelike.cli import target as targets
from flytelike.cli.authored import author, registered
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.failure import show_diagnostics
from flytelike.cli.input_flags import literals, shown_parameters
from flytelike.cli.register import conflict
from flytelike.cli.starting import started
from flytelike.compiler.describe import describe_type
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.interface import Parameter, Variable
from flytelike.model.literals import Literal
from flytelike.remote import Client, RemoteError, executions, registry
from flytelike.sdk.modules import load

LETTERS = string.ascii_lowercase + string.digits
HELP_FLAGS = {"-h", "--help"}
COPIES = click.Choice([copy.value for copy in Copy])


@click.command(
    "execute",
    short_help="Execute a workflow, task or launch plan.",
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="TARGET [--INPUT VALUE]...")
@click.option("--inputs", type=click.Path(dir_okay=False, path_type=Path), help="YAML or JSON file of inputs.")
@click.option("--execution-name", default="", help="Name of the execution.  [default: made by the platform]")
@click.option("--version", default="", help="Version to register a file's entities as.  [default: made of the content]")
@click.option("--copy", type=COPIES, default="auto", show_default=True, help="Code to bundle.")
@click.option("--max-parallelism", type=click.IntRange(0), default=0, help="Nodes run at once; 0: no limit.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="Environment variable of all tasks.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end and print the outputs.")
@json_option
@place_options
@platform_options
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    *,
    words: tuple[str, ...],
    inputs: Path | None,
    execution_name: str,
    version: str,
    copy: str,
    max_parallelism: int,
    env: tuple[str, ...],
    wait: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute TARGET: FILE.py WORKFLOW, FILE.py:TASK, or a registered NAME or NAME@VERSION.

    Inputs are typed flags (`--rows 100 --no-verbose`), or come from a file with `--inputs`; an input
    named like one of the options here goes behind `--`. `flytelike execute TARGET --help` shows a
    target's inputs with their types, defaults and descriptions.

    A file's entities are registered first. Without a running platform the embedded one is
    brought up for as long as the command runs.
    """
    helping = any(word in HELP_FLAGS for word in words)
    words = tuple(word for word in words if word not in HELP_FLAGS)
    if helping and not words:
        click.echo(context.get_help())
        return ExitCode.SUCCESS
    target, flags = targets.parse(words)
    # Named here, so that starting again after a lost answer cannot start it twice.
    chosen_name = execution_name or "a" + "".join(secrets.choice(LETTERS) for _ in range(19))
    chosen = (
        Source.of_file(target, project, domain, version, Copy(copy))
        if isinstance(target, targets.FileTarget)
        else Source.of_registry(target, project, domain)
    )

    async def start(client: Client) -> ExecutionId:
        await chosen.prepare(client)
        given = {**chosen.defaults(), **literals(chosen.parameters, flags, inputs)}
        options = executions.ExecutionOptions(
            name=execution_name, max_parallelism=max_parallelism, envs=environment(env)
        )
        try:
            created = await executions.create(client, project, domain, chosen.identifier, given, options)
        except RemoteError as error:
            if execution_name or error.status != "ALREADY_EXISTS":
                raise
            created = ExecutionId(project, domain, chosen_name)
        return created

    async def describe() -> None:
        if chosen.registered:
            async with connected(server, data, start=True) as client:
                await chosen.prepare(client)
        click.echo(chosen.help_text(" ".join(words)))

    if helping:
        asyncio.run(describe())
        return ExitCode.SUCCESS
    if not chosen.registered:
        literals(chosen.parameters, flags, inputs)  # faults of inputs are told before anything is started
    return asyncio.run(started(start, server, data, wait=wait, as_json=as_json))


class Source:
    """Where the target comes from, and what it takes once that is known."""

    def __init__(self, identifier: Identifier) -> None:
        """Name what is executed; the rest is filled in."""
        self.identifier = identifier
        self.parameters: dict[str, Parameter] = {}
        self.outputs: dict[str, Variable] = {}
        self.text = ""
        self.registered = False

    @staticmethod
    def of_file(target: targets.FileTarget, project: str, domain: str, version: str, copy: Copy) -> "FileSource":
        """Return an entity of a file, compiled here."""
        return FileSource(target, project, domain, version, copy)

    @staticmethod
    def of_registry(target: targets.RegisteredTarget, project: str, domain: str) -> "RegisteredSource":
        """Return a registered entity, looked up when a client is there."""
        return RegisteredSource(target, project, domain)

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

    def __init__(self, target: targets.FileTarget, project: str, domain: str, version: str, copy: Copy) -> None:
        """Load, trace and compile it. Raises DiagnosticError."""
        loaded = load([target.path])
        entity = loaded.named(target.entity)
        self.authored = author(loaded, [entity], project=project, domain=domain, version=version, copy=copy)
        kind = entity.resource_kind
        found = self.authored.templates
        name = f"{entity.function.__module__}.{entity.function.__name__}"
        given_name = getattr(entity, "given_name", None)
        launch = ResourceKind.TASK if kind is ResourceKind.TASK else ResourceKind.LAUNCH_PLAN
        super().__init__(Identifier(launch, project, domain, given_name or name, self.authored.version))
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


def environment(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the variables of `--env KEY=VALUE` options."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise click.UsageError(f"--env wants KEY=VALUE, got `{pair}`")
        found[key] = value
    return found
