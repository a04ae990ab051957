"""Settings for all tests."""

from hypothesis import HealthCheck, settings

# Timing is for bench/; on a busy machine slow draws say nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("default")

pytest_plugins = ["tests.services.postgres"]
