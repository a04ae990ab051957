"""Adapters that keep things: executions (memory, SQLite, PostgreSQL), blobs and closures.

Stores keep states. They do not know what a node, a command or a record is: what they are
given is bytes by key. They must not know of the engine, which uses them through
`propeller.ports`.
"""
