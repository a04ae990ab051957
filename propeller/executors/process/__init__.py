"""Runs attempts as processes of this machine: warm workers for Python tasks, programs for the rest.

It knows processes, pipes and Flyte's task contract; it must not know of graphs, retries or
databases. One door: `ProcessExecutor`, set up by `ProcessSettings`; its `logs` give the output.
"""

from propeller.executors.process.executor import ProcessExecutor
from propeller.executors.process.images import ImageEnvironment
from propeller.executors.process.logs import AttemptLogs
from propeller.executors.process.settings import ProcessSettings

__all__ = ["AttemptLogs", "ImageEnvironment", "ProcessExecutor", "ProcessSettings"]
