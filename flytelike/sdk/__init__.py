"""The author's side: `@task`, `@workflow`, launch plans, promises and their tracing.

Turns annotated Python into templates (`flytelike.model.graph`), and runs the same entities
as plain Python when they are called outside a trace. It doesn't know how templates are
checked and linked, where they are stored, or how they are executed.

This package imports nothing heavy: literal types, protobuf and typeguard come in when an
entity is first used.
"""
