"""Everything about schedules on one database."""

from flytelike.controlplane.database import Database
from flytelike.controlplane.executions import Executions
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.schedules import Schedules
from flytelike.controlplane.scheduling.backfills import Backfills
from flytelike.controlplane.scheduling.scheduler import Scheduler
from flytelike.controlplane.scheduling.starting import Starting


class Scheduling:
    """The use cases of schedules and backfills, and who carries them out."""

    def __init__(self, database: Database, clock: Clock, executions: Executions) -> None:
        """Compose; nothing is started yet."""
        starting = Starting(executions)
        self.schedules = Schedules(database, clock)
        self.backfills = Backfills(database, clock, executions, starting)
        self.scheduler = Scheduler(database, clock, starting, self.backfills)
        self.backfills.on_work(self.scheduler.soon)
