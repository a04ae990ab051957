"""Transformers for classes of machine-learning libraries: loaded by entry point when a task names one."""
