"""Comparing our descriptors with those of PyPI's `flyteidl`, loaded in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable

from google.protobuf import descriptor_pb2 as pb

DUMP = """
import importlib, json, pathlib, flyteidl
from google.protobuf import descriptor_pb2
base = pathlib.Path(list(flyteidl.__path__)[0])
files = {}
for path in sorted(base.rglob("*_pb2.py")):
    module = importlib.import_module(".".join(path.relative_to(base.parent).with_suffix("").parts))
    message = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(message)
    files[message.name] = message.SerializeToString().hex()
print(json.dumps(files))
"""

Facts = dict[str, str]
"""What is true of a set of files: `kind full.name` to a line that says everything that counts on the wire."""


def stock_files() -> list[pb.FileDescriptorProto]:
    """Return flyteidl's files; they are loaded elsewhere, so that nothing of theirs is in this process."""
    done = subprocess.run([sys.executable, "-c", DUMP], capture_output=True, text=True, check=True, timeout=60)
    return [pb.FileDescriptorProto.FromString(bytes.fromhex(data)) for data in json.loads(done.stdout).values()]


def facts(files: Iterable[pb.FileDescriptorProto]) -> Facts:
    """Return the facts of some files, with Flyte's packages under our name."""
    found: Facts = {}
    for file in files:
        package = renamed(file.package)
        for enum in file.enum_type:
            add_enum(found, f"{package}.{enum.name}", enum)
        for message in file.message_type:
            add_message(found, f"{package}.{message.name}", message)
        for service in file.service:
            for rpc in service.method:
                streams = ("stream " * rpc.client_streaming, "stream " * rpc.server_streaming)
                line = f"{streams[0]}{renamed(rpc.input_type)} -> {streams[1]}{renamed(rpc.output_type)}"
                found[f"rpc {package}.{service.name}.{rpc.name}"] = line
    return found


def add_message(found: Facts, name: str, message: pb.DescriptorProto) -> None:
    """Add a message, its fields, and what lies inside of it."""
    found[f"message {name}"] = "map entry" if message.options.map_entry else ""
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
        kind = pb.FieldDescriptorProto.Type.Name(field.type)
        label = pb.FieldDescriptorProto.Label.Name(field.label)
        line = (
            f"{field.number} {label} {kind} {renamed(field.type_name)} oneof={oneof} optional={field.proto3_optional}"
        )
        found[f"field {name}.{field.name}"] = f"{line} json={field.json_name or camel(field.name)}"
    for enum in message.enum_type:
        add_enum(found, f"{name}.{enum.name}", enum)
    for inner in message.nested_type:
        add_message(found, f"{name}.{inner.name}", inner)


def add_enum(found: Facts, name: str, enum: pb.EnumDescriptorProto) -> None:
    """Add an enum's values."""
    for value in enum.value:
        found[f"value {name}.{value.name}"] = str(value.number)


def camel(name: str) -> str:
    """Return the JSON name that protoc gives a field."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def renamed(name: str) -> str:
    """Return a Flyte name under our package."""
    bare = name.lstrip(".")
    if bare == "datacatalog" or bare.startswith("datacatalog."):
        return f"flytelike.{bare}"
    return bare.replace("flyteidl", "flytelike", 1) if bare.split(".")[0] == "flyteidl" else bare


def differences(stock: Facts, ours: Facts) -> dict[str, str]:
    """Return each difference by the fact's name."""
    return {
        name: f"flyte: {stock.get(name, 'absent')}; ours: {ours.get(name, 'absent')}"
        for name in sorted(stock.keys() | ours.keys())
        if stock.get(name) != ours.get(name)
    }
