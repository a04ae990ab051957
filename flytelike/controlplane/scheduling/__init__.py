"""Executions that start by themselves: schedules of launch plans, and backfills of their past times."""
