"""Registering and finding tasks, workflows and launch plans. A version's content never changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.ids import identifier_to_proto
from flytelike.codec.parse import serialise
from flytelike.controlplane.compatibility import broken_callers
from flytelike.controlplane.compiling import KnownEntities, Preparation, Prepared, prepare
from flytelike.controlplane.database import Database
from flytelike.controlplane.differences import difference_lines
from flytelike.controlplane.errors import Faults, Refusal, Status, not_found
from flytelike.controlplane.naming import KIND_NAMES
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.projects import check_place
from flytelike.controlplane.repository.entities import add_description, add_entities, find_entity
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.schedules import note_registered
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.submitted import Submitted, submitted
from flytelike.model.diagnostic import Diagnostic, Severity
from flytelike.model.ids import Identifier
from flytelike.storage import Store
from flytelike_idl.service import registration_pb2

CREATED = registration_pb2.RegisteredEntity.OUTCOME_CREATED
UNCHANGED = registration_pb2.RegisteredEntity.OUTCOME_UNCHANGED
CONFLICT = registration_pb2.RegisteredEntity.OUTCOME_CONFLICT
REJECTED = registration_pb2.RegisteredEntity.OUTCOME_REJECTED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one entity."""

    id: Identifier
    outcome: registration_pb2.RegisteredEntity.Outcome.ValueType
    digest: str = ""
    difference: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """What becomes of everything that was sent, in its order."""

    verdicts: tuple[Verdict, ...]
    diagnostics: tuple[Diagnostic, ...]


class Registry:
    """The use cases of registration."""

    def __init__(self, database: Database, store: Store, settings: Settings, clock: Clock) -> None:
        """Keep entities in `database` and the closures of workflows in `store`."""
        self._database = database
        self._store = store
        self._settings = settings
        self._clock = clock
        self._closures = f"{settings.base}/closures"

    async def register(self, request: registration_pb2.RegisterRequest) -> Registration:
        """Store everything that was sent, or nothing; see `registration.proto`."""
        faults = Faults()
        sent = submitted(request.tasks, request.workflows, request.launch_plans, faults)
        if faults:
            return _rejected(sent, faults.found)
        return await self.keep(sent, dry_run=request.dry_run)

    async def keep(self, sent: Submitted, *, dry_run: bool = False) -> Registration:
        """Compile and store decoded entities, all or none."""
        preparation = await self._database.read(lambda connection: self._prepare(connection, sent))
        if any(diagnostic.severity is Severity.ERROR for diagnostic in preparation.diagnostics):
            return _rejected(sent, preparation.diagnostics)
        verdicts = await self._database.read(lambda connection: self._judge(connection, sent, preparation))
        warnings = await self._database.read(lambda connection: self._broken(connection, verdicts, preparation))
        outcomes = {verdict.outcome for verdict in verdicts}
        if CONFLICT not in outcomes and CREATED in outcomes and not dry_run:
            await self._store_closures(verdicts, preparation.prepared)
            verdicts = await self._database.write(lambda connection: self._store_rows(connection, sent, preparation))
        return _registration(verdicts, (*preparation.diagnostics, *warnings))

    async def create(self, sent: Submitted) -> None:
        """Store a single entity as Flyte's Create calls do.

        Raises:
            Refusal: ALREADY_EXISTS when the version is there with the same content, else INVALID_ARGUMENT.
        """
        registration = await self.keep(sent)
        if len(registration.verdicts) == 1 and registration.verdicts[0].outcome == UNCHANGED:
            (verdict,) = registration.verdicts
            what = KIND_NAMES[verdict.id.kind]
            already = Diagnostic("already-registered", f"the {what} {verdict.id} is registered with this very content")
            raise Refusal(Status.ALREADY_EXISTS, (already,))
        errors = [diagnostic for diagnostic in registration.diagnostics if diagnostic.severity is Severity.ERROR]
        errors += [conflict(verdict) for verdict in registration.verdicts if verdict.outcome == CONFLICT]
        if errors:
            raise Refusal(Status.INVALID_ARGUMENT, errors)

    async def find(self, identifier: Identifier) -> EntityRow:
        """Return a version; raises Refusal NOT_FOUND."""
        row = await self._database.read(lambda connection: find_entity(connection, identifier))
        if row is None:
            raise not_found(KIND_NAMES[identifier.kind], identifier)
        return row

    async def closure(self, row: EntityRow) -> bytes:
        """Return the compiled closure of a workflow's row."""
        return await self._store.get_async(row.closure_uri)

    def _prepare(self, connection: Connection, sent: Submitted) -> Preparation:
        faults = Faults()
        for project, domain in sorted({(identifier.project, identifier.domain) for identifier in sent.order}):
            check_place(connection, self._settings, project, domain, faults)
        if faults:
            return Preparation({}, tuple(faults.found))
        return prepare(sent, KnownEntities(connection, self._store), self._closures)

    def _judge(self, connection: Connection, sent: Submitted, preparation: Preparation) -> tuple[Verdict, ...]:
        """Return what would become of each entity now."""
        return tuple(self._verdict(connection, preparation.prepared[identifier]) for identifier in sent.order)

    def _verdict(self, connection: Connection, prepared: Prepared) -> Verdict:
        new = prepared.entity
        row = find_entity(connection, new.id)
        if row is None:
            return Verdict(new.id, CREATED, new.digest)
        if row.digest == new.digest:
            return Verdict(new.id, UNCHANGED, new.digest)
        return Verdict(new.id, CONFLICT, new.digest, difference_lines(self._store, row, prepared))

    def _broken(
        self, connection: Connection, verdicts: tuple[Verdict, ...], preparation: Preparation
    ) -> tuple[Diagnostic, ...]:
        new = [verdict.id for verdict in verdicts if verdict.outcome == CREATED]
        return tuple(broken_callers(connection, new, preparation.prepared))

    async def _store_closures(self, verdicts: tuple[Verdict, ...], prepared: Mapping[Identifier, Prepared]) -> None:
        # Before the rows that point at them. When those fail, a closure lies there that nothing names.
        for verdict in verdicts:
            closure = prepared[verdict.id]
            if verdict.outcome == CREATED and closure.closure:
                await self._store.put_async(closure.entity.closure_uri, closure.closure, durable=True)

    def _store_rows(self, connection: Connection, sent: Submitted, preparation: Preparation) -> tuple[Verdict, ...]:
        verdicts = self._judge(connection, sent, preparation)
        if any(verdict.outcome == CONFLICT for verdict in verdicts):
            return verdicts
        new = [verdict.id for verdict in verdicts if verdict.outcome == CREATED]
        now_ns = self._clock.now_ns()
        add_entities(connection, (preparation.prepared[identifier].entity for identifier in new), now_ns)
        for identifier in new:
            plan = sent.launch_plans.get(identifier)
            if plan is not None and plan.schedule is not None:
                note_registered(connection, identifier, plan.schedule)
            if (description := sent.descriptions.get(identifier)) is not None:
                description.id.CopyFrom(identifier_to_proto(identifier))
                add_description(connection, identifier, serialise(description), now_ns)
        return verdicts


def _rejected(sent: Submitted, diagnostics: tuple[Diagnostic, ...]) -> Registration:
    return Registration(tuple(Verdict(identifier, REJECTED) for identifier in sent.order), diagnostics)


def _registration(verdicts: tuple[Verdict, ...], warnings: tuple[Diagnostic, ...]) -> Registration:
    if all(verdict.outcome != CONFLICT for verdict in verdicts):
        return Registration(verdicts, warnings)
    # Nothing was stored, so what is new is told to be refused.
    told = tuple(
        Verdict(verdict.id, REJECTED, verdict.digest) if verdict.outcome == CREATED else verdict for verdict in verdicts
    )
    return Registration(told, warnings)


def conflict(verdict: Verdict) -> Diagnostic:
    """Return the diagnostic for a version that exists with other content."""
    what = KIND_NAMES[verdict.id.kind]
    return Diagnostic(
        "version-conflict",
        f"the {what} {verdict.id} is registered with other content",
        help=(*verdict.difference, "register it under another version"),
    )
