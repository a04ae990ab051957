"""Executors: how attempts run. Each implements `propeller.ports.Executor`.

They know processes, pods or clusters; they must not know of executions' graphs, retries or stores.
"""
