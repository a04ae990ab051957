"""Settings for all tests."""

from importlib.util import find_spec

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
