"""Settings for all tests."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Timing is for bench/; on a busy machine slow draws say nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("default")

pytest_plugins = [
    "tests.services.helm",
    "tests.services.kubernetes",
    "tests.services.kubernetes_node",
    "tests.services.postgres",
]

# Gigabytes that no machine installs for all tests: `make test-torch` brings them and runs these.
collect_ignore_glob = [] if find_spec("torch") else ["optional/*"]

FIRST = (("kube", "chart"), ("wire", "console", "e2e"))
"""The folders that each of two workers begins with: minutes for a few tests. So tests with a node have it alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long tests begin first, so that no worker is left alone with them at the end.

    xdist gives each worker an unbroken share of this order; those without work take from the ends of others' shares.
    """
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0]
        return next((number for number, folders in enumerate(FIRST) if folder in folders), len(FIRST))

    first, second, rest = ([item for item in items if place(item) == number] for number in range(len(FIRST) + 1))
    first.sort(key=lambda item: "node_cluster" not in getattr(item, "fixturenames", ()))
    second.sort(key=lambda item: "wire" not in item.path.parts)  # One session of minutes, which nothing can be beside.
    half = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *rest[:half], *second, *rest[half:]]
