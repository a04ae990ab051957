"""Flytelike: typed, versioned workflows that compile to immutable specs."""
