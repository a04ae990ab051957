"""The options of `@task`, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypedDict

from flytelike.deck.fields import DeckField
from flytelike.model.graph import SecretRequest
from flytelike.model.policies import CachePolicy, TaskMetadata
from flytelike.model.policies import Resources as ModelResources
from flytelike.model.suggestion import nearest
from flytelike.sdk.cache import Cache
from flytelike.sdk.documentation import Documentation
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
from flytelike.sdk.retry import RetryStrategy, backoff_of, retry_faults
from flytelike.sdk.reuse import ReusePolicy, reuse_faults, reuse_of
from flytelike.sdk.secret import MountType, Secret
from flytelike.sdk.timeout import Timeout, timeout_faults, timeouts_ns


class TaskOptions(TypedDict, total=False):
    """What `@task(...)` takes.

    Attributes:
        retries: How often a failed attempt is tried again, and after which pause (`RetryStrategy`).
        timeout: The longest time one attempt may run; a number counts seconds. `Timeout` limits its wait too.
        cache: Whether results are kept for equal inputs, or how.
        cache_version: The version of the kept results; derived from the code if not given.
        cache_serialize: Do equal work that runs at the same time once.
        cache_ignore_input_vars: Inputs that don't count when inputs are compared.
        interruptible: Whether the task may run on machines that can be taken away.
        deprecated: A message for those who still use the task.
        requests: What the task needs of a machine.
        limits: What the task may use of a machine at most.
        resources: Requests and limits in one.
        environment: Environment variables.
        container_image: The image to run in, instead of the platform's own.
        secret_requests: Secrets the task reads.
        enable_deck: Whether the task writes a report.
        deck_fields: What the report shows beside the author's decks; everything if not given.
        pod_template_name: A pod template that the cluster's administrators keep.
        reusable: How its pods are kept for the next attempts; each has one of its own if not given.
        priority: How urgent its attempts are, from -1000 to 1000: it is added to the execution's priority.
        docs: Documentation, instead of the docstring.
    """

    retries: int | RetryStrategy
    timeout: timedelta | int | Timeout
    cache: bool | Cache
    cache_version: str
    cache_serialize: bool
    cache_ignore_input_vars: Sequence[str]
    interruptible: bool | None
    deprecated: str
    requests: Resources | None
    limits: Resources | None
    resources: Resources | None
    environment: Mapping[str, str] | None
    container_image: str | None
    secret_requests: Sequence[Secret] | None
    enable_deck: bool | None
    deck_fields: Sequence[DeckField]
    pod_template_name: str | None
    reusable: ReusePolicy | None
    priority: int
    docs: Documentation | None


class FunctionTaskOptions(TaskOptions, total=False):
    """What `@task(...)` takes beside.

    Attributes:
        task_config: The configuration of a kind of tasks that a plugin brings.
    """

    task_config: object


@dataclass(frozen=True, slots=True)
class TaskPolicies:
    """The options of a task in the model's terms."""

    metadata: TaskMetadata = field(default_factory=TaskMetadata)
    resources: ModelResources = field(default_factory=ModelResources)
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    secrets: tuple[SecretRequest, ...] = ()
    docs: Documentation | None = None


_TYPES: dict[str, tuple[type, ...]] = {
    "retries": (int, RetryStrategy),
    "timeout": (timedelta, int, Timeout),
    "cache": (bool, Cache),
    "cache_version": (str,),
    "cache_serialize": (bool,),
    "cache_ignore_input_vars": (tuple, list),
    "interruptible": (bool, type(None)),
    "deprecated": (str,),
    "requests": (Resources, type(None)),
    "limits": (Resources, type(None)),
    "resources": (Resources, type(None)),
    "environment": (Mapping, type(None)),
    "container_image": (str, type(None)),
    "secret_requests": (list, tuple, type(None)),
    "enable_deck": (bool, type(None)),
    "deck_fields": (tuple, list),
    "pod_template_name": (str, type(None)),
    "reusable": (ReusePolicy, type(None)),
    "priority": (int,),
    "docs": (Documentation, type(None)),
}


def task_option_faults(options: TaskOptions, inputs: Sequence[str]) -> Iterator[OptionFault]:
    """Tell what is wrong with a task's options. `inputs` are the task's input names."""
    yield from unknown_options(options, _TYPES)
    broken = tuple(wrong_types(options, _TYPES))
    yield from broken
    if broken:
        return
    yield from retry_faults(options.get("retries", 0))
    yield from timeout_faults(options.get("timeout", 0))
    yield from priority_faults(options.get("priority"))
    yield from reuse_faults(options.get("reusable"))
    yield from text_map_faults("environment", options.get("environment"))
    yield from resources_option_faults(options.get("requests"), options.get("limits"), options.get("resources"))
    yield from _secret_faults(options.get("secret_requests") or ())
    yield from _cache_faults(options, inputs)
    yield from _deck_faults(options)


def task_policies(options: TaskOptions) -> TaskPolicies:
    """Return options that have no faults in the model's terms."""
    retries = options.get("retries", 0)
    runtime_ns, queued_ns = timeouts_ns(options.get("timeout", 0))
    return TaskPolicies(
        metadata=TaskMetadata(
            retries=retries.count if isinstance(retries, RetryStrategy) else retries,
            backoff=backoff_of(retries),
            timeout_ns=runtime_ns,
            queued_timeout_ns=queued_ns,
            interruptible=options.get("interruptible"),
            cache=_cache(options),
            deprecated=options.get("deprecated", ""),
            pod_template_name=options.get("pod_template_name") or "",
            generates_deck=bool(options.get("enable_deck")),
            priority=int(options.get("priority", 0)),
            reuse=reuse_of(options.get("reusable")),
        ),
        resources=resources_of(options.get("requests"), options.get("limits"), options.get("resources")),
        environment=dict(options.get("environment") or {}),
        image=options.get("container_image") or "",
        secrets=tuple(_secret(asked) for asked in options.get("secret_requests") or ()),
        docs=options.get("docs"),
    )


_CACHE_DETAILS = ("cache_version", "cache_serialize", "cache_ignore_input_vars")


def _cache_faults(options: TaskOptions, inputs: Sequence[str]) -> Iterator[OptionFault]:
    cache = options.get("cache", False)
    details = [word for word in _CACHE_DETAILS if options.get(word)]
    if isinstance(cache, Cache):
        for word in details:
            headline = f"`cache=Cache(...)` and `{word}` both say how to cache"
            yield OptionFault("contradictory-options", word, headline, f"say it in `Cache(...)`, without `{word}`")
    elif not cache:
        for word in details:
            headline = f"`{word}` has no effect without `cache=True`"
            yield OptionFault("contradictory-options", word, headline, f"add `cache=True`, or leave `{word}` out")
    if isinstance(cache, Cache):
        yield from duration_faults("cache", cache.ttl)
    place = "cache" if isinstance(cache, Cache) else "cache_ignore_input_vars"
    for name in _ignored(options):
        if name not in inputs:
            headline = f"the task has no input `{name}` that caching could ignore{nearest(name, inputs)}"
            yield OptionFault("unknown-input", place, headline)


def _cache(options: TaskOptions) -> CachePolicy:
    cache = options.get("cache", False)
    if isinstance(cache, Cache):
        ttl_ns = duration_ns(cache.ttl or 0)
        return CachePolicy(True, cache.version, cache.serialize, _ignored(options), ttl_ns)
    if not cache:
        return CachePolicy()
    return CachePolicy(True, options.get("cache_version", ""), options.get("cache_serialize", False), _ignored(options))


def _ignored(options: TaskOptions) -> tuple[str, ...]:
    cache = options.get("cache", False)
    if not isinstance(cache, Cache):
        return tuple(options.get("cache_ignore_input_vars", ()))
    return (cache.ignored_inputs,) if isinstance(cache.ignored_inputs, str) else tuple(cache.ignored_inputs)


def _deck_faults(options: TaskOptions) -> Iterator[OptionFault]:
    for part in options.get("deck_fields", ()):
        if not isinstance(part, DeckField):
            known = ", ".join(f"`DeckField.{field.name}`" for field in DeckField)
            yield OptionFault("invalid-option", "deck_fields", f"{part!r} is no `DeckField`", f"they are {known}")
    if "deck_fields" in options and not options.get("enable_deck"):
        headline = "`deck_fields` has no effect without `enable_deck=True`"
        yield OptionFault("contradictory-options", "deck_fields", headline, "add `enable_deck=True`, or leave it out")


def _secret_faults(secrets: Sequence[Secret]) -> Iterator[OptionFault]:
    for asked in secrets:
        if not isinstance(asked, Secret):
            yield OptionFault("invalid-option", "secret_requests", f"{asked!r} is no `Secret`")
        elif not (asked.group or asked.key):
            yield OptionFault("invalid-option", "secret_requests", "a secret needs a group or a key")


def _secret(asked: Secret) -> SecretRequest:
    return SecretRequest(
        asked.group, asked.key, asked.group_version, asked.mount_requirement is MountType.FILE, asked.env_var
    )
