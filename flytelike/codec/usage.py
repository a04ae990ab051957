"""What attempts asked for and used, as protobuf."""

from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from flytelike_idl.core import usage_pb2 as pb


def asked_to_proto(asked: AskedResources | None) -> pb.AskedResources | None:
    """Return the message of what an attempt asked for; None for nothing."""
    if asked is None:
        return None
    return pb.AskedResources(requests=_amounts_to_proto(asked.requests), limits=_amounts_to_proto(asked.limits))


def asked_from_proto(message: pb.AskedResources) -> AskedResources:
    """Return what an attempt asked for."""
    return AskedResources(_amounts(message.requests), _amounts(message.limits))


def used_to_proto(use: AttemptUse | None) -> pb.AttemptUse | None:
    """Return the message of what an attempt used; None if it is not known."""
    if use is None:
        return None
    return pb.AttemptUse(memory_peak_bytes=use.memory_peak_bytes, processor_ns=use.processor_ns)


def used_from_proto(message: pb.AttemptUse) -> AttemptUse:
    """Return what an attempt used."""
    return AttemptUse(message.memory_peak_bytes, message.processor_ns)


def _amounts_to_proto(amounts: ResourceAmounts) -> pb.ResourceAmounts:
    return pb.ResourceAmounts(
        cpu_milli=amounts.cpu_milli,
        memory_bytes=amounts.memory_bytes,
        gpus=amounts.gpus,
        ephemeral_storage_bytes=amounts.ephemeral_storage_bytes,
    )


def _amounts(message: pb.ResourceAmounts) -> ResourceAmounts:
    return ResourceAmounts(message.cpu_milli, message.memory_bytes, message.gpus, message.ephemeral_storage_bytes)
