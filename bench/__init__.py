"""Benchmarks: what the platform costs, beside the limits that bound it."""
