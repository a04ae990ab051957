"""What was used of quotas over time: kept and found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schema import quota_samples
from flytelike.model.quota import PlaceUse, QuotaPlace


@dataclass(frozen=True, slots=True)
class Sample:
    """What was used in a minute."""

    at_ns: int
    use: PlaceUse


def write_samples(connection: Connection, at_ns: int, uses: Mapping[QuotaPlace, PlaceUse]) -> None:
    """Keep what is used at places; the last word on a minute counts."""
    for place, use in uses.items():
        values = {"used": json.dumps(dict(use.used)), "waiting": use.waiting}
        key = {"team": place.team, "project": place.project, "domain": place.domain, "at": at_ns}
        statement = upsert(connection.dialect, quota_samples).values(**key, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def read_samples(connection: Connection, place: QuotaPlace, since_ns: int, limit: int, offset: int) -> Sequence[Sample]:
    """Return a page of a place's samples from an instant on, oldest first."""
    columns = quota_samples.c
    statement = (
        select(columns.at, columns.used, columns.waiting)
        .where(
            columns.team == place.team,
            columns.project == place.project,
            columns.domain == place.domain,
            columns.at >= since_ns,
        )
        .order_by(columns.at)
        .limit(limit)
        .offset(offset)
    )
    return [Sample(row.at, PlaceUse(json.loads(row.used), row.waiting)) for row in connection.execute(statement)]


def drop_samples(connection: Connection, before_ns: int) -> None:
    """Forget samples that are older."""
    connection.execute(delete(quota_samples).where(quota_samples.c.at < before_ns))
