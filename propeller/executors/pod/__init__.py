"""Runs attempts as pods of a Kubernetes cluster.

It knows pods, their API and Flyte's task contract; it must not know of graphs, retries or databases.
"""

from propeller.executors.pod.executor import PodExecutor
from propeller.executors.pod.settings import Calling, Patience, PodExecutorSettings, PodSettings, SecurityProfile

__all__ = ["Calling", "Patience", "PodExecutor", "PodExecutorSettings", "PodSettings", "SecurityProfile"]
