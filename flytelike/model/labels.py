"""Labels of executions that the platform itself reads."""

QUEUE_LABEL = "flytelike.dev/queue"
"""The execution queue: by the starter, else by the setting that holds. In a cluster, Kueue's LocalQueue of its pods."""
