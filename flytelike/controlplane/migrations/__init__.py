"""The history of the tables, and bringing a database up to date with it.

Revisions are numbered files in `versions`. Alembic is loaded only when there is something to
migrate: an up-to-date database is recognised by one query, and an empty one gets today's
tables at once.
"""
