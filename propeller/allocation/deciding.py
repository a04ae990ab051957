"""The fair queue of everybody's asks, as the one who decides has it in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued, QuotaReport
from propeller.allocation.schema import asks
from propeller.allocation.waits import used_by_place, waiting_attempts
from propeller.core.fairness import FairQueue, Quota, Request, Shortage, TooLarge, Waiting

GRANTS_MAX = 500
"""How many grants one round gives at most: others wait for the round meanwhile."""
WAITS_IN_FULL = 200
"""How many of those who wait are told of, whosever they are; of each execution `WAITS_OF_EXECUTION` in any case."""
WAITS_OF_EXECUTION = 3
WAITS_MAX = 2_000
"""How many of those who wait are told of at most: a report is sent each second while anything changes."""


@dataclass(slots=True)
class Decider:
    """What the tables say, up to a round, as a queue.

    Whoever decides keeps it between rounds, as long as nobody else has decided and no round failed.
    """

    quotas: Mapping[tuple[str, ...], Quota]
    queue: FairQueue = field(init=False)
    seen: int = -1

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.queue = FairQueue(self.quotas)

    def decide(self, connection: Connection, change: int, now_ms: int) -> None:
        """Take in what has changed since the last round, and grant what may go on. Within the round's transaction."""
        refused = self._take_in(connection, now_ms * 1_000_000)
        granted: list[dict[str, object]] = []
        while len(granted) < GRANTS_MAX and (request := self.queue.next_grant(now_ms * 1_000_000)) is not None:
            granted.append({"of": request.id, "granted_ms": now_ms, "change": change})
        if granted:
            statement = update(asks).where(asks.c.id == bindparam("of"))
            connection.execute(
                statement.values(granted_ms=bindparam("granted_ms"), change=bindparam("change")), granted
            )
        for name, shortages in refused.items():
            told = [_shortage_document(one) for one in shortages]
            connection.execute(update(asks).where(asks.c.id == name).values(refused=told, change=change))
        self.seen = change

    def why(self, ask_id: str) -> Waiting | None:
        """Return what something waits for; None when it does not wait."""
        return self.queue.why(ask_id)

    def read(self, connection: Connection) -> None:
        """Take in all that is there, to tell of it."""
        self._take_in(connection, 0)

    def report(self, at_ms: int) -> QuotaReport:
        """Return what is granted and who waits: the first of each execution, unless there are very many."""
        return QuotaReport(at_ms, used_by_place(self.queue.uses()), list(islice(self._waits(), WAITS_MAX)))

    def _waits(self) -> Iterator[tuple[ExecutionId, Queued]]:
        seen: Counter[ExecutionId] = Counter()
        for number, one in enumerate(waiting_attempts(self.queue)):
            seen[one.execution] += 1
            if number < WAITS_IN_FULL or seen[one.execution] <= WAITS_OF_EXECUTION:
                yield one.execution, one.told(self.queue)

    def _take_in(self, connection: Connection, now_ns: int) -> dict[str, tuple[Shortage, ...]]:
        refused: dict[str, tuple[Shortage, ...]] = {}
        ended = []
        for row in connection.execute(_CHANGED, {"seen": self.seen}):
            request = _request(row)
            if row.ended:
                self.queue.withdraw(request.id)
                self.queue.give_back(request.id, now_ns)
                ended.append({"of": request.id})
            elif row.granted_ms is not None:
                self.queue.restore(request, now_ns)
            elif row.refused is None:
                try:
                    self.queue.ask(request, now_ns)
                except TooLarge as error:
                    refused[request.id] = error.shortages
        if ended and now_ns:
            connection.execute(delete(asks).where(asks.c.id == bindparam("of")), ended)
        return refused


_CHANGED = select(asks).where(asks.c.change > bindparam("seen")).order_by(asks.c.since_ms, asks.c.id)


def _request(row: Row[tuple[object, ...]]) -> Request:
    return Request(row.id, tuple(row.path), row.amounts, row.since_ms * 1_000_000, row.priority)


def _shortage_document(shortage: Shortage) -> list[object]:
    return [shortage.path, shortage.resource, shortage.asked, shortage.used, shortage.limit]


def shortage_from(document: tuple[list[str], str, int, int, int]) -> Shortage:
    """Return a shortage that was stored."""
    path, resource, asked, used, limit = document
    return Shortage(tuple(path), resource, asked, used, limit, ())
