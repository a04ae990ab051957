"""Retention: which executions go, what of their data stays since others refer to it, and how it is deleted.

The rules are pure (`policy`, `references`); `Collector` carries them out. It must not know how a value is
typed: an address below the platform's own folders counts wherever it stands.
"""
