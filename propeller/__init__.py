"""Propeller: the engine that drives executions, embedded in one process or on Kubernetes.

Of flytelike it knows only `model`, `codec` and `storage`.
"""
