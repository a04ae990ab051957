"""The options of launch plans, and what is wrong with them."""

from collections.abc import Iterator, Mapping
from typing import TypedDict

from flytelike.model.schedule import Schedule
from flytelike.schedules.faults import CODE, ScheduleFault
from flytelike.sdk.option_rules import OptionFault, priority_faults, text_map_faults, unknown_options, wrong_types
from flytelike.sdk.schedule import CronSchedule, FixedRate, schedule_of


class LaunchPlanOptions(TypedDict, total=False):
    """What a launch plan asks of its executions.

    Attributes:
        labels: Labels of executions.
        annotations: Annotations of executions.
        max_parallelism: How many nodes may run at once; 0 for no limit.
        raw_output_data_config: The URI below which tasks keep files and tables.
        overwrite_cache: Compute again what is cached, and keep the new results.
        interruptible: Whether tasks may run on machines that can be taken away.
        service_account: The Kubernetes service account that tasks run as.
        environment: Environment variables of all tasks.
        schedule: When executions start by themselves, once a version is active; a `CronSchedule` or `FixedRate`.
        priority: How urgent its executions are among those of the project, from -1000 to 1000; 0 if not given.
    """

    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None
    max_parallelism: int | None
    raw_output_data_config: str | None
    overwrite_cache: bool | None
    interruptible: bool | None
    service_account: str | None
    environment: Mapping[str, str] | None
    schedule: CronSchedule | FixedRate | None
    priority: int | None


_NONE = type(None)
_TYPES: dict[str, tuple[type, ...]] = {
    "labels": (Mapping, _NONE),
    "annotations": (Mapping, _NONE),
    "max_parallelism": (int, _NONE),
    "raw_output_data_config": (str, _NONE),
    "overwrite_cache": (bool, _NONE),
    "interruptible": (bool, _NONE),
    "service_account": (str, _NONE),
    "environment": (Mapping, _NONE),
    "schedule": (CronSchedule, FixedRate, _NONE),
    "priority": (int, _NONE),
}


def launch_plan_option_faults(options: LaunchPlanOptions) -> Iterator[OptionFault]:
    """Tell what is wrong with a launch plan's options."""
    yield from unknown_options(options, _TYPES)
    broken = tuple(wrong_types(options, _TYPES))
    yield from broken
    if broken:
        return
    for word in ("labels", "annotations", "environment"):
        yield from text_map_faults(word, options.get(word))
    if (options.get("max_parallelism") or 0) < 0:
        yield OptionFault("invalid-option", "max_parallelism", "`max_parallelism` can't be negative")
    yield from priority_faults(options.get("priority"))
    written = options.get("schedule")
    found = None if written is None else schedule_of(written)
    if isinstance(found, ScheduleFault):
        yield OptionFault(CODE, "schedule", found.headline, found.help)


def planned(options: LaunchPlanOptions) -> Schedule | None:
    """Return the schedule of options that are sound."""
    written = options.get("schedule")
    found = None if written is None else schedule_of(written)
    return None if isinstance(found, ScheduleFault) else found


def packed_options(options: LaunchPlanOptions) -> bytes:
    """Return all options but the schedule as a serialised `admin.LaunchPlanSpec`; empty if nothing is asked for."""
    asked = {word: value for word, value in options.items() if value is not None and word != "schedule"}
    if not asked:
        return b""
    from flytelike_idl.admin.launch_plan_pb2 import LaunchPlanSpec  # noqa: PLC0415  (protobuf is heavy)

    spec = LaunchPlanSpec(
        max_parallelism=options.get("max_parallelism") or 0, overwrite_cache=bool(options.get("overwrite_cache"))
    )
    spec.labels.values.update(options.get("labels") or {})
    spec.annotations.values.update(options.get("annotations") or {})
    if prefix := options.get("raw_output_data_config"):
        spec.raw_output_data_config.output_location_prefix = prefix
    if (interruptible := options.get("interruptible")) is not None:
        spec.interruptible.value = interruptible
    if (priority := options.get("priority")) is not None:
        spec.quality_of_service.priority.value = priority
    if account := options.get("service_account"):
        spec.security_context.run_as.k8s_service_account = account
    for key, value in sorted((options.get("environment") or {}).items()):
        spec.envs.values.add(key=key, value=value)
    return spec.SerializeToString(deterministic=True)
