"""Bytes to messages and back."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from flytelike.codec.faults import MalformedError

M = TypeVar("M", bound=Message)


def parse(kind: type[M], data: bytes) -> M:
    """Return the message of class `kind` in `data`; raise `MalformedError` if there is none."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedError(f"not a {kind.DESCRIPTOR.full_name}: {error}") from error


def serialise(message: Message) -> bytes:
    """Return the message's bytes, the same for equal messages whatever the order of their maps."""
    return message.SerializeToString(deterministic=True)
