"""Whose the objects in the store are: a server that reads for many must not be asked for what is another's."""

from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from sqlalchemy import Connection, select

from flytelike.controlplane.access.roles import Action, Place, Rights
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.layout import Layout
from flytelike.controlplane.schema import executions
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId

NOT_YOURS = "data-of-others"


class DataOwners:
    """Tells which project's domain an address in the platform's store belongs to.

    Inputs name addresses, and whoever launches chooses them: that an execution names one says nothing of whose it is.
    """

    def __init__(self, database: Database, settings: Settings, layout: Layout | None) -> None:
        """Look executions up in `database`; `layout` says where their data lie, as far as that is known."""
        self._database = database
        self._settings = settings
        self._layout = layout

    async def check(self, uri: str, rights: Rights) -> None:
        """Raise Refusal PERMISSION_DENIED `data-of-others` unless all whose it may be may be seen.

        What lies in the store and is nobody's that is known, is seen by those alone who see everything.
        """
        # Paths that lead elsewhere than they say are nobody's.
        plain = {"", ".", ".."}.isdisjoint(uri.rstrip("/").removeprefix(self._settings.base).split("/")[1:])
        places = await self._database.read(partial(self._places, uri=uri)) if plain else set()
        everywhere = [Place()]
        if not all(rights.allows(Action.READ, place) for place in places or everywhere):
            raise refusal(
                Status.PERMISSION_DENIED,
                NOT_YOURS,
                f"{uri[:200]} does not belong to a project that you may look into",
                "ask for a role in the project whose data it is",
            )

    def _places(self, connection: Connection, uri: str) -> set[Place]:
        base, raw = self._settings.base, self._settings.raw_prefix
        for folder in (f"{base}/{self._settings.upload_prefix}/", f"{base}/metadata/executions/"):
            if uri.startswith(folder):
                project, domain, *_ = [*uri.removeprefix(folder).split("/"), ""]
                return {Place(project=project, domain=domain)}
        layout = self._layout
        if layout is None:
            return set()
        if uri.startswith(f"{raw}/"):
            shard, folder, *_ = [*uri.removeprefix(f"{raw}/").split("/"), ""]
            found = _executions(connection, _beginnings(folder))
            return {_place(one) for one in found if layout.shard(one, folder) == shard}
        if uri.startswith(f"{layout.documents}/"):
            folder = uri.removeprefix(f"{layout.documents}/").partition("/")[0]
            found = _executions(connection, _endings(folder))
            return {_place(one) for one in found if layout.document_folder(one) == folder}
        return set()


def _executions(connection: Connection, names: Iterator[str]) -> list[ExecutionId]:
    columns = executions.c
    statement = select(columns.project, columns.domain, columns.name).where(columns.name.in_(list(names)))
    return [ExecutionId(row.project, row.domain, row.name) for row in connection.execute(statement)]


def _place(execution: ExecutionId) -> Place:
    return Place(project=execution.project, domain=execution.domain)


def _beginnings(folder: str) -> Iterator[str]:
    """Yield what a name may be that other words follow, with dashes between."""
    return accumulate(folder.split("-")[:-1], lambda begun, word: f"{begun}-{word}")


def _endings(folder: str) -> Iterator[str]:
    """Yield what a name may be that other words come before."""
    words = folder.split("-")
    return ("-".join(words[first:]) for first in range(1, len(words)))
