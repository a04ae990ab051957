"""The options of `with_overrides`, and what is wrong with them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypedDict

from flytelike.model.graph import Alias, TaskOverrides
from flytelike.model.policies import NodeMetadata
from flytelike.sdk.cache import Cache
from flytelike.sdk.option_rules import (
    OptionFault,
    duration_faults,
    duration_ns,
    priority_faults,
    resources_option_faults,
    text_map_faults,
    unknown_options,
    wrong_types,
)
from flytelike.sdk.resources import Resources, resources_of
from flytelike.sdk.retry import MAX_RETRIES


class NodeOptions(TypedDict, total=False):
    """What one call changes of the entity it calls.

    Attributes:
        node_name: The node's id, instead of `n0`, `n1`, ...; made fit for DNS.
        name: The name people read, instead of the entity's.
        aliases: Other names for outputs, by output.
        requests: What the task needs of a machine.
        limits: What the task may use of a machine at most.
        resources: Requests and limits in one.
        timeout: The longest time one attempt may take; a number counts seconds.
        retries: How often a failed attempt is tried again.
        interruptible: Whether it may run on machines that can be taken away.
        container_image: The image to run in.
        cache: Whether results are kept for equal inputs, or how.
        cache_version: The version of the kept results.
        cache_serialize: Do equal work that runs at the same time once.
        priority: How urgent it is, from -1000 to 1000, instead of what the task says; all that a called workflow or
            launch plan starts goes with it.
    """

    node_name: str
    name: str
    aliases: Mapping[str, str]
    requests: Resources | None
    limits: Resources | None
    resources: Resources | None
    timeout: timedelta | int
    retries: int
    interruptible: bool | None
    container_image: str
    cache: bool | Cache
    cache_version: str
    cache_serialize: bool
    priority: int


_TYPES: dict[str, tuple[type, ...]] = {
    "node_name": (str,),
    "name": (str,),
    "aliases": (Mapping,),
    "requests": (Resources, type(None)),
    "limits": (Resources, type(None)),
    "resources": (Resources, type(None)),
    "timeout": (timedelta, int),
    "retries": (int,),
    "interruptible": (bool, type(None)),
    "container_image": (str,),
    "cache": (bool, Cache),
    "cache_version": (str,),
    "cache_serialize": (bool,),
    "priority": (int,),
}

_OF_TASKS_ONLY = ("requests", "limits", "resources", "container_image", "cache", "cache_version", "cache_serialize")


def node_option_faults(options: NodeOptions, *, is_task: bool, outputs: Mapping[str, object]) -> Iterator[OptionFault]:
    """Tell what is wrong with a node's options. `outputs` are those of the called entity."""
    yield from unknown_options(options, _TYPES)
    broken = tuple(wrong_types(options, _TYPES))
    yield from broken
    if broken:
        return
    for word in () if is_task else _OF_TASKS_ONLY:
        if word in options:
            yield OptionFault("task-only-option", word, f"`{word}` can only be overridden where a task is called")
    if not 0 <= options.get("retries", 0) <= MAX_RETRIES:
        yield OptionFault("invalid-option", "retries", f"`retries` must lie between 0 and {MAX_RETRIES}")
    for word, value in (("retries", options.get("retries", 1)), ("timeout", options.get("timeout", 1))):
        if not value:
            text = f"`{word}={value!r}` would change nothing: for a call, 0 means that the task's own counts"
            yield OptionFault("invalid-option", word, text, f"set `{word}` on the task, or leave it out here")
    if "node_name" in options and not node_id_of(options["node_name"]):
        yield OptionFault("invalid-option", "node_name", f"`node_name={options['node_name']!r}` has no letter or digit")
    yield from duration_faults("timeout", options.get("timeout"))
    yield from priority_faults(options.get("priority"))
    yield from text_map_faults("aliases", options.get("aliases"))
    for output in options.get("aliases", {}):
        if output not in outputs:
            yield OptionFault("unknown-output", "aliases", f"there is no output `{output}` to give another name")
    yield from resources_option_faults(options.get("requests"), options.get("limits"), options.get("resources"))


def node_id_of(name: str) -> str:
    """Return a node id made of a name: lower case, digits and single dashes (a DNS label)."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in plain.split("-") if part)[:63].rstrip("-")


def node_metadata(options: NodeOptions, name: str) -> NodeMetadata:
    """Return options without faults as the node's policies; `name` is the called entity's."""
    cache = options.get("cache")
    version, serialize = options.get("cache_version"), options.get("cache_serialize")
    if isinstance(cache, Cache):
        version, serialize = cache.version or version, cache.serialize
    timeout, priority = options.get("timeout"), options.get("priority")
    return NodeMetadata(
        name=options.get("name", name),
        timeout_ns=None if timeout is None else duration_ns(timeout),
        retries=options.get("retries"),
        interruptible=options.get("interruptible"),
        cacheable=None if cache is None else bool(cache),
        cache_version=version,
        cache_serializable=serialize,
        priority=None if priority is None else int(priority),
    )


def task_overrides(options: NodeOptions) -> TaskOverrides:
    """Return what the options change of the called task."""
    requests, limits, both = options.get("requests"), options.get("limits"), options.get("resources")
    changed = any(given is not None for given in (requests, limits, both))
    return TaskOverrides(resources_of(requests, limits, both) if changed else None, options.get("container_image", ""))


def aliases(options: NodeOptions) -> tuple[Alias, ...]:
    """Return the other names of outputs."""
    return tuple(Alias(var, alias) for var, alias in options.get("aliases", {}).items())
