"""Settings of projects, their domains and workflows (Flyte's matchable attributes).

`merging` says which of several holds (pure), `assigning` what tasks get of it (pure), `attributes` has the use cases.
"""
