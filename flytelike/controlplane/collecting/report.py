"""What a collection did, or would do."""

from dataclasses import dataclass, field

from flytelike.storage.sweeping import Extent

EXAMPLES_MAX = 10


@dataclass(slots=True)
class Heap:
    """Things of one kind: how many, and how large."""

    count: int = 0
    size_bytes: int = 0

    def add(self, extent: Extent) -> None:
        """Count one thing of this extent."""
        self.count += 1
        self.size_bytes += extent.size_bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays since somebody refers to it."""

    place: str
    by: str


@dataclass(slots=True)
class Report:
    """Totals. `data` counts the folders of attempts, `documents` the folders of executions.

    `kept` is data that would go if nobody referred to it; `held` are executions that stay though their time
    is up, each with the reason; `waiting` those of which the engine still holds states: the next collection
    goes on with them.
    """

    dry_run: bool = False
    executions: int = 0
    nodes: int = 0
    data: Heap = field(default_factory=Heap)
    documents: Heap = field(default_factory=Heap)
    log_bytes: int = 0
    cache: Heap = field(default_factory=Heap)
    orphans: Heap = field(default_factory=Heap)
    kept: Heap = field(default_factory=Heap)
    kept_examples: list[Kept] = field(default_factory=list)
    held: int = 0
    held_examples: list[Kept] = field(default_factory=list)
    waiting: int = 0
    database_bytes: int = 0

    def keep(self, place: str, by: str, extent: Extent) -> None:
        """Count what stays."""
        self.kept.add(extent)
        if len(self.kept_examples) < EXAMPLES_MAX:
            self.kept_examples.append(Kept(place, by))

    def hold(self, execution: str, why: str) -> None:
        """Count an execution that stays."""
        self.held += 1
        if len(self.held_examples) < EXAMPLES_MAX:
            self.held_examples.append(Kept(execution, why))

    @property
    def freed_bytes(self) -> int:
        """How much is freed in the object store and of logs."""
        heaps = (self.data, self.documents, self.orphans)
        return sum(heap.size_bytes for heap in heaps) + self.log_bytes
