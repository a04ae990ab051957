"""Task templates.

What the model computes on is parsed; every other part of the message travels along in
`TaskTemplate.extra`: the leftover of each field, serialised, which is merged back on the way out.
"""

import math
from collections.abc import Iterable, Mapping

from google.protobuf.message import DecodeError, Message

from flytelike.codec.faults import MalformedError, inside, known, required
from flytelike.codec.ids import fill_identifier, fill_span, identifier_from_proto, span_from_proto
from flytelike.codec.interface import fill_interface, interface_from_proto
from flytelike.codec.json_struct import fill_struct, struct_from_proto
from flytelike.codec.literals import duration_to_ns, fill_duration
from flytelike.codec.parse import serialise
from flytelike.model.graph import (
    Container,
    DataFiles,
    DownloadMode,
    MetadataFormat,
    SecretRequest,
    TaskTemplate,
    UploadMode,
)
from flytelike.model.policies import Backoff, CachePolicy, ResourceName, Resources, ReusePolicy, TaskMetadata
from flytelike.model.types import NO_JSON
from flytelike_idl.core import interface_pb2, literals_pb2, reuse_pb2, security_pb2
from flytelike_idl.core import tasks_pb2 as pb

_RESOURCES = {int(name): name for name in ResourceName}
_FORMATS = {int(name): name for name in MetadataFormat}
_DOWNLOADS = {int(name): name for name in DownloadMode}
_UPLOADS = {int(name): name for name in UploadMode}
_PARSED = ("id", "type", "custom", "task_type_version", "config", "span", "code")
"""Fields of the template that the model holds completely."""
_PARSED_OF_METADATA = (
    "discoverable",
    "timeout",
    "retries",
    "discovery_version",
    "deprecated_error_message",
    "interruptible",
    "cache_serializable",
    "tags",
    "pod_template_name",
    "cache_ignore_input_vars",
    "is_eager",
    "generates_deck",
    "max_queued_time",
    "cache_ttl",
    "priority",
    "reuse",
)
_PARSED_OF_CONTAINER = ("image", "command", "args", "resources", "env", "config")
_FLYTE_SDK = pb.RuntimeMetadata.FLYTE_SDK


def task_template_to_proto(task: TaskTemplate) -> pb.TaskTemplate:
    """Return the message of a task."""
    out = pb.TaskTemplate(type=task.type, task_type_version=task.type_version, config=task.config)
    fill_identifier(task.id, out.id)
    _fill_metadata(task.metadata, out.metadata)
    inside("interface", lambda it: fill_interface(it, out.interface), task.interface)
    if task.custom:
        inside("custom", lambda it: fill_struct(it, out.custom), task.custom)
    if task.container is not None:
        _fill_container(task.container, out.container)
    for secret in task.secrets:
        _fill_secret(secret, out.security_context.secrets.add())
    if task.span is not None:
        fill_span(task.span, out.span)
    out.code.update(task.code)
    _restore(task.extra, out)
    return out


def task_template_from_proto(message: pb.TaskTemplate) -> TaskTemplate:
    """Return the task of a message."""
    required(message, "id")
    required(message, "interface")
    if not message.type:
        raise MalformedError("type required")
    has_container = message.HasField("container")
    return TaskTemplate(
        id=inside("id", identifier_from_proto, message.id),
        type=message.type,
        metadata=_metadata(message.metadata),
        interface=inside("interface", interface_from_proto, message.interface),
        container=inside("container", _container, message.container) if has_container else None,
        custom=inside("custom", struct_from_proto, message.custom) if message.HasField("custom") else NO_JSON,
        type_version=message.task_type_version,
        config=dict(message.config),
        secrets=tuple(_secret(secret) for secret in message.security_context.secrets),
        span=span_from_proto(message.span) if message.HasField("span") else None,
        extra=_extra(message),
        code=dict(message.code),
    )


def fill_resources(resources: Resources, out: pb.Resources) -> None:
    """Write resources into `out`, sorted by name."""
    out.SetInParent()
    for entries, side in ((resources.requests, out.requests), (resources.limits, out.limits)):
        for name in sorted(entries):
            side.add(name=int(name), value=entries[name])  # the stub's own enum


def resources_from_proto(message: pb.Resources) -> Resources:
    """Return resources; a name that is not known raises."""
    return Resources(
        {known(_RESOURCES, entry.name, "resource name"): entry.value for entry in message.requests},
        {known(_RESOURCES, entry.name, "resource name"): entry.value for entry in message.limits},
    )


# --- model to message -------------------------------------------------------------------


def _fill_metadata(metadata: TaskMetadata, out: pb.TaskMetadata) -> None:
    out.runtime.type = _FLYTE_SDK
    out.runtime.version = metadata.runtime_version
    out.runtime.flavor = metadata.runtime_flavor
    out.retries.retries = metadata.retries
    if metadata.backoff is not None:
        fill_duration(metadata.backoff.first_ns, out.retries.backoff)
        out.retries.backoff_factor = metadata.backoff.factor
        if metadata.backoff.longest_ns:
            fill_duration(metadata.backoff.longest_ns, out.retries.max_backoff)
    if metadata.timeout_ns:
        fill_duration(metadata.timeout_ns, out.timeout)
    if metadata.queued_timeout_ns:
        fill_duration(metadata.queued_timeout_ns, out.max_queued_time)
    if metadata.interruptible is not None:
        out.interruptible = metadata.interruptible
    out.discoverable = metadata.cache.enabled
    out.discovery_version = metadata.cache.version
    out.cache_serializable = metadata.cache.serializable
    out.cache_ignore_input_vars.extend(metadata.cache.ignored_inputs)
    if metadata.cache.ttl_ns:
        fill_duration(metadata.cache.ttl_ns, out.cache_ttl)
    out.priority = metadata.priority
    if metadata.reuse is not None:
        out.reuse.replicas = metadata.reuse.replicas
        fill_duration(metadata.reuse.idle_ttl_ns, out.reuse.idle_ttl)
    out.deprecated_error_message = metadata.deprecated
    out.pod_template_name = metadata.pod_template_name
    out.is_eager = metadata.is_eager
    if metadata.generates_deck:
        out.generates_deck.value = True
    out.tags.update(metadata.tags)


def _fill_container(container: Container, out: pb.Container) -> None:
    out.SetInParent()
    out.image = container.image
    out.command.extend(container.command)
    out.args.extend(container.args)
    fill_resources(container.resources, out.resources)
    for pairs, side in ((container.env, out.env), (container.config, out.config)):
        for key in sorted(pairs):
            side.add(key=key, value=pairs[key])
    if container.data is not None:
        _fill_data_files(container.data, out.data_config)


def _fill_data_files(data: DataFiles, out: pb.DataLoadingConfig) -> None:
    out.enabled = True
    out.input_path = data.input_path
    out.output_path = data.output_path
    out.format = int(data.format)  # type: ignore[assignment]  # the stub's own enum
    if data.download is not None or data.upload is not None:
        out.io_strategy.SetInParent()
        out.io_strategy.download_mode = int(data.download or 0)  # type: ignore[assignment]  # as above
        out.io_strategy.upload_mode = int(data.upload or 0)  # type: ignore[assignment]  # as above


def _fill_secret(secret: SecretRequest, out: security_pb2.Secret) -> None:
    kinds = security_pb2.Secret
    out.group = secret.group
    out.key = secret.key
    out.group_version = secret.group_version
    out.env_var = secret.env_var
    if secret.mount_as_file:
        out.mount_requirement = kinds.FILE
    elif secret.env_var:
        out.mount_requirement = kinds.ENV_VAR


def _restore(extra: Mapping[str, bytes], out: pb.TaskTemplate) -> None:
    for name, data in extra.items():
        try:
            if name == "interface":
                _restore_artifacts(interface_pb2.TypedInterface.FromString(data), out.interface)
            else:
                getattr(out, name).MergeFromString(data)
        except (AttributeError, DecodeError) as error:
            raise MalformedError(f"not a part of a task: {error}", f'extra["{name}"]') from error


def _restore_artifacts(left: interface_pb2.TypedInterface, out: interface_pb2.TypedInterface) -> None:
    # Merging messages replaces the entries of maps, so they are merged one by one.
    for source, side in ((left.inputs, out.inputs), (left.outputs, out.outputs)):
        for name, variable in source.variables.items():
            if name in side.variables:
                side.variables[name].MergeFrom(variable)


# --- message to model -------------------------------------------------------------------


def _metadata(message: pb.TaskMetadata) -> TaskMetadata:
    return TaskMetadata(
        retries=message.retries.retries,
        timeout_ns=duration_to_ns(message.timeout),
        interruptible=message.interruptible if message.HasField("interruptible") else None,
        cache=CachePolicy(
            message.discoverable,
            message.discovery_version,
            message.cache_serializable,
            tuple(message.cache_ignore_input_vars),
            duration_to_ns(message.cache_ttl),
        ),
        deprecated=message.deprecated_error_message,
        runtime_version=message.runtime.version,
        runtime_flavor=message.runtime.flavor,
        pod_template_name=message.pod_template_name,
        generates_deck=message.generates_deck.value,
        is_eager=message.is_eager,
        tags=dict(message.tags),
        backoff=_backoff(message.retries) if message.retries.HasField("backoff") else None,
        queued_timeout_ns=duration_to_ns(message.max_queued_time),
        priority=message.priority,
        reuse=_reuse(message.reuse) if message.HasField("reuse") else None,
    )


def _reuse(message: reuse_pb2.ReusePolicy) -> ReusePolicy:
    if not message.replicas:
        raise MalformedError("at least one pod is kept", "reuse.replicas")
    return ReusePolicy(message.replicas, max(0, duration_to_ns(message.idle_ttl)))


def _backoff(message: literals_pb2.RetryStrategy) -> Backoff:
    factor = message.backoff_factor or 2.0
    if not math.isfinite(factor) or factor < 1:
        raise MalformedError(f"{factor} is no factor of 1 or more", "retries.backoff_factor")
    return Backoff(duration_to_ns(message.backoff), factor, duration_to_ns(message.max_backoff))


def _container(message: pb.Container) -> Container:
    return Container(
        image=message.image,
        command=tuple(message.command),
        args=tuple(message.args),
        resources=inside("resources", resources_from_proto, message.resources),
        env=_pairs(message.env),
        config=_pairs(message.config),
        data=inside("data_config", _data_files, message.data_config) if message.data_config.enabled else None,
    )


def _data_files(message: pb.DataLoadingConfig) -> DataFiles:
    strategy = message.io_strategy if message.HasField("io_strategy") else None
    return DataFiles(
        message.input_path,
        message.output_path,
        known(_FORMATS, message.format, "metadata format"),
        None if strategy is None else known(_DOWNLOADS, strategy.download_mode, "download mode"),
        None if strategy is None else known(_UPLOADS, strategy.upload_mode, "upload mode"),
    )


def _pairs(message: "Iterable[literals_pb2.KeyValuePair]") -> dict[str, str]:
    return {pair.key: pair.value for pair in message}


def _secret(message: security_pb2.Secret) -> SecretRequest:
    return SecretRequest(
        message.group,
        message.key,
        message.group_version,
        message.mount_requirement == security_pb2.Secret.FILE,
        message.env_var,
    )


def _extra(message: pb.TaskTemplate) -> dict[str, bytes]:
    """Return what is left of each field when the parsed parts are taken out."""
    left = pb.TaskTemplate()
    left.CopyFrom(message)
    _clear(left, _PARSED)
    _clear(left.metadata, _PARSED_OF_METADATA)
    _clear(left.metadata.runtime, ("version", "flavor"))
    if left.metadata.runtime.type == _FLYTE_SDK:
        left.metadata.ClearField("runtime")
    if left.HasField("container"):
        _clear(left.container, _PARSED_OF_CONTAINER)
        if left.container.data_config.enabled:
            left.container.ClearField("data_config")
    left.security_context.ClearField("secrets")
    _keep_artifacts(left.interface)
    extra = {field.name: serialise(value) for field, value in left.ListFields()}
    always = ("k8s_pod", "sql")  # these are told apart by being there at all
    return {name: data for name, data in extra.items() if data or name in always}


def _keep_artifacts(interface: interface_pb2.TypedInterface) -> None:
    for side in (interface.inputs, interface.outputs):
        for name in list(side.variables):
            variable = side.variables[name]
            _clear(variable, ("type", "description", "span"))
            if not variable.ByteSize():
                del side.variables[name]
    for name in ("inputs", "outputs"):
        if not getattr(interface, name).variables:
            interface.ClearField(name)  # type: ignore[arg-type]  # the stub wants literal names


def _clear(message: Message, fields: tuple[str, ...]) -> None:
    for field in fields:
        message.ClearField(field)
