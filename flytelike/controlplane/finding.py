"""Finding registered entities: versions, names, active launch plans, descriptions."""

from collections.abc import Sequence

from sqlalchemy import Connection

from flytelike.codec.parse import parse
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.messages import named_message
from flytelike.controlplane.naming import KIND_NAMES
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import entities as repository
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.schedules import note_switched, schedule_of_plan
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.storage import Store
from flytelike_idl.admin import common_pb2, description_entity_pb2

Place = tuple[str, str, str]
"""Project, domain and name; the name may be empty."""

ONE = ListQuery(limit=1)


class Finding:
    """The use cases of looking things up in the registry."""

    def __init__(self, database: Database, store: Store, clock: Clock) -> None:
        """Read from `database`, closures from `store`."""
        self._database = database
        self._store = store
        self._clock = clock

    async def version(self, identifier: Identifier) -> EntityRow:
        """Return a version; raises Refusal NOT_FOUND."""
        row = await self._database.read(lambda connection: repository.find_entity(connection, identifier))
        if row is None:
            raise not_found(KIND_NAMES[identifier.kind], identifier)
        return row

    async def closure(self, row: EntityRow) -> bytes:
        """Return the serialised closure of a workflow's row."""
        return await self._store.get_async(row.closure_uri)

    async def versions(self, kind: ResourceKind, place: Place, query: ListQuery) -> list[EntityRow]:
        """Return a page of versions."""
        return await self._database.read(lambda connection: repository.list_entities(connection, kind, place, query))

    async def active_launch_plan(self, place: Place) -> EntityRow:
        """Return the active version of a launch plan; raises Refusal NOT_FOUND."""
        rows = await self.active_launch_plans(place, ONE)
        if not rows:
            name = "/".join(place)
            raise not_found("active launch plan", name, "make a version active, or name the version")
        return rows[0]

    async def active_launch_plans(self, place: Place, query: ListQuery) -> list[EntityRow]:
        """Return a page of active launch plans."""
        return await self._database.read(
            lambda connection: repository.list_active_launch_plans(connection, place, query)
        )

    async def set_launch_plan_state(self, identifier: Identifier, user: str, *, active: bool) -> None:
        """Make a version of a launch plan the active one, or inactive, and its schedule; raises Refusal NOT_FOUND."""
        now_ns = self._clock.now_ns()

        def change(connection: Connection) -> bool:
            row = repository.find_entity(connection, identifier)
            if row is None:
                return False
            note_switched(connection, identifier, schedule_of_plan(row.body), user, now_ns, active=active)
            return repository.set_launch_plan_state(connection, identifier, active=active, now_ns=now_ns)

        if not await self._database.write(change):
            raise not_found(KIND_NAMES[identifier.kind], identifier)

    async def names(
        self, kind: ResourceKind, project: str, domain: str, query: ListQuery
    ) -> Sequence[common_pb2.NamedEntity]:
        """Return a page of names."""
        rows = await self._database.read(
            lambda connection: repository.list_names(connection, kind, project, domain, query)
        )
        return [named_message(row) for row in rows]

    async def name(self, kind: ResourceKind, place: Place) -> common_pb2.NamedEntity:
        """Return a name with its description and state; raises Refusal NOT_FOUND."""
        row = await self._database.read(lambda connection: repository.find_name(connection, kind, place))
        if row is None:
            raise not_found(KIND_NAMES[kind], "/".join(place))
        return named_message(row)

    async def describe_name(self, kind: ResourceKind, place: Place, metadata: common_pb2.NamedEntityMetadata) -> None:
        """Set a name's description and state; raises Refusal NOT_FOUND."""
        now_ns = self._clock.now_ns()

        def change(connection: Connection) -> bool:
            if repository.find_name(connection, kind, place) is None:
                return False
            row = repository.NamedRow(int(kind), *place, metadata.description, metadata.state)
            repository.update_name(connection, row, now_ns)
            return True

        if not await self._database.write(change):
            raise not_found(KIND_NAMES[kind], "/".join(place))

    async def description(self, identifier: Identifier) -> description_entity_pb2.DescriptionEntity:
        """Return a version's description; raises Refusal NOT_FOUND."""
        body = await self._database.read(lambda connection: repository.find_description(connection, identifier))
        if body is None:
            raise not_found("description", identifier)
        return parse(description_entity_pb2.DescriptionEntity, body)

    async def descriptions(
        self, kind: ResourceKind, place: Place, query: ListQuery
    ) -> list[description_entity_pb2.DescriptionEntity]:
        """Return a page of descriptions."""
        bodies = await self._database.read(
            lambda connection: repository.list_descriptions(connection, kind, place, query)
        )
        return [parse(description_entity_pb2.DescriptionEntity, body) for body in bodies]
