"""Requests of every type that name somebody's things in every place where a name can stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DEPTH_MAX = 9
PLACES = ("project", "domain")


@dataclass(frozen=True)
class Aim:
    """What requests name."""

    project: str
    domain: str = "development"
    user: str = "victim"
    token_id: str = "none"

    def word(self, owner: Descriptor, field: FieldDescriptor) -> str:
        """Return what stands in a text field; empty for those that only say how."""
        words = {
            "project": self.project,
            "domain": self.domain,
            "name": "flow",
            "version": "v1",
            "node_id": "n0",
            "signal_id": "go",
            "user": self.user,
            "token_id": self.token_id,
            "role": "admin",
            "key": "a-key",
            "owner_id": "somebody",
            "filename": "a.txt",
            "filename_root": "x",
            "unique_parent_id": "",
            "flyte_url": f"flyte://v1/{self.project}/{self.domain}/run/n0/i",
        }
        if field.name == "name" and "Execution" in owner.name:
            return "run"
        if field.name == "id":
            return self.project if owner.name.startswith("Project") else "an-id"
        return words.get(field.name, "")


def aimed(method: MethodDescriptor, aim: Aim) -> Message:
    """Return the request of an RPC with all its names those of `aim`."""
    return _filled(method.input_type, aim, ())


def crossed(method: MethodDescriptor, own: Aim, other: Aim) -> Iterator[Message]:
    """Yield requests that name one's own things everywhere but in one message, which names another's."""
    base = aimed(method, own)
    for number, _ in enumerate(_naming(base)):
        request = aimed(method, own)
        message = list(_naming(request))[number]
        for name in PLACES:
            if name in message.DESCRIPTOR.fields_by_name and getattr(message, name):
                setattr(message, name, getattr(other, name))
        yield request


def _filled(descriptor: Descriptor, aim: Aim, above: tuple[str, ...]) -> Message:
    message = GetMessageClass(descriptor)()
    taken: set[str] = set()
    for field in descriptor.fields:
        group = field.containing_oneof
        if group is not None and len(group.fields) > 1 and group.name in taken:
            continue
        if _fill(message, field, aim, above) and group is not None:
            taken.add(group.name)
    return message


def _fill(message: Message, field: FieldDescriptor, aim: Aim, above: tuple[str, ...]) -> bool:
    inner = field.message_type
    if inner is None:
        if field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
            return False
        word = aim.word(message.DESCRIPTOR, field)
        if word:
            setattr(message, field.name, word)
        return bool(word)
    unfit = inner.full_name.startswith("google.") or inner.GetOptions().map_entry
    if unfit or inner.full_name in above or len(above) > DEPTH_MAX:
        return False
    found = _filled(inner, aim, (*above, inner.full_name))
    if not found.ListFields():
        return False
    if field.is_repeated:
        getattr(message, field.name).add().CopyFrom(found)
    else:
        getattr(message, field.name).CopyFrom(found)
    return True


def _naming(message: Message) -> Iterator[Message]:
    """Yield the messages within one that name a project."""
    if "project" in message.DESCRIPTOR.fields_by_name and isinstance(message.project, str):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in list(value) if field.is_repeated else [value]:
            yield from _naming(item)
