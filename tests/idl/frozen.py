"""What nobody may break: Flyte's messages, and of ours what `idl/additions.txtpb` has frozen.

`python -m tests.idl.frozen baseline FILE` writes both as descriptors for `buf breaking`, and
`python -m tests.idl.frozen freeze` writes down what Flytelike adds to Flyte today. A list in the tree, rather than
an older commit, is there in shallow checkouts and in archives without history too.
"""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import text_format

import flytelike_idl
from tests.idl.compare import camel, renamed, stock_files

ADDITIONS = Path(__file__).resolve().parents[2] / "idl" / "additions.txtpb"
Named = TypeVar("Named", pb.DescriptorProto, pb.EnumDescriptorProto, pb.FieldDescriptorProto, pb.ServiceDescriptorProto)
HEADER = """\
# proto-file: google/protobuf/descriptor.proto
# proto-message: FileDescriptorSet
#
# What Flytelike adds to Flyte's messages and services: `buf breaking` holds the .proto files to it, and
# `make freeze` adds to it. Messages that Flyte has show up with the added fields only.

"""


def our_files() -> list[pb.FileDescriptorProto]:
    """Return the descriptors of `flytelike_idl`."""
    base = Path(next(iter(flytelike_idl.__path__)))
    found = []
    for path in sorted(base.rglob("*_pb2.py")):
        module = importlib.import_module(".".join(path.relative_to(base.parent).with_suffix("").parts))
        found.append(pb.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    return found


def stock_as_ours() -> list[pb.FileDescriptorProto]:
    """Return Flyte's descriptors under our names, without REST bindings and other options."""
    files = [file for file in stock_files() if file.name.startswith("flyteidl/")]
    for file in files:
        file.name = file.name.replace("flyteidl/", "flytelike/", 1)
        file.package = renamed(file.package)
        imports = [name.replace("flyteidl/", "flytelike/", 1) for name in file.dependency]
        public = {imports[index] for index in file.public_dependency}
        kept = [name for name in imports if name.startswith(("flytelike/", "google/protobuf/"))]
        file.dependency[:] = kept
        file.public_dependency[:] = [index for index, name in enumerate(kept) if name in public]
        file.ClearField("options")
        for message in file.message_type:
            rename_types(message)
        for service in file.service:
            for rpc in service.method:
                rpc.input_type, rpc.output_type = "." + renamed(rpc.input_type), "." + renamed(rpc.output_type)
                rpc.ClearField("options")
    return files


def rename_types(message: pb.DescriptorProto) -> None:
    """Let a message's fields refer to our names."""
    for field in message.field:
        field.ClearField("options")
        if field.type_name:
            field.type_name = "." + renamed(field.type_name)
    for inner in message.nested_type:
        rename_types(inner)


def additions(stock: Iterable[pb.FileDescriptorProto], ours: Iterable[pb.FileDescriptorProto]) -> pb.FileDescriptorSet:
    """Return what `ours` has and `stock` has not; a message that both have keeps its added fields only."""
    known = {file.name: file for file in stock}
    added = pb.FileDescriptorSet()
    for file in sorted(ours, key=lambda file: file.name):
        base = known.get(file.name)
        if base is None:
            added.file.append(file)
            continue
        part = pb.FileDescriptorProto(name=file.name)
        part.dependency.extend(sorted(set(file.dependency) - set(base.dependency)))
        part.enum_type.extend(new(file.enum_type, base.enum_type))
        part.service.extend(new(file.service, base.service))
        part.message_type.extend(new(file.message_type, base.message_type))
        for message in file.message_type:
            twin = next((other for other in base.message_type if other.name == message.name), None)
            if twin and (fields := new(message.field, twin.field)):
                # A map is a field of a type that lies in the message.
                inner = new(message.nested_type, twin.nested_type)
                part.message_type.append(pb.DescriptorProto(name=message.name, field=fields, nested_type=inner))
        if len(part.ListFields()) > 1:
            added.file.append(part)
    return added


def new(ours: Iterable[Named], stock: Iterable[Named]) -> list[Named]:
    """Return what is named in `ours` only."""
    known = {item.name for item in stock}
    return [item for item in ours if item.name not in known]


def combined(stock: Iterable[pb.FileDescriptorProto], added: pb.FileDescriptorSet) -> pb.FileDescriptorSet:
    """Return Flyte's descriptors with the additions put in: the contract that clients rely on."""
    files = {file.name: file for file in stock}
    for part in added.file:
        base = files.setdefault(part.name, pb.FileDescriptorProto(name=part.name))
        messages = {message.name: message for message in base.message_type}
        base.message_type.extend(m for m in part.message_type if m.name not in messages)
        for message in part.message_type:
            if message.name in messages:
                messages[message.name].field.extend(message.field)
                messages[message.name].nested_type.extend(message.nested_type)
        rest = pb.FileDescriptorProto.FromString(part.SerializeToString())
        rest.ClearField("message_type")
        base.MergeFrom(rest)
    for file in files.values():
        for message in file.message_type:
            name_in_json(message)
    return pb.FileDescriptorSet(file=files.values())


def name_in_json(message: pb.DescriptorProto) -> None:
    """Write out the JSON names that descriptors leave out where they follow from the field's name."""
    for field in message.field:
        field.json_name = field.json_name or camel(field.name)
    for inner in message.nested_type:
        name_in_json(inner)


def frozen() -> pb.FileDescriptorSet:
    """Return what is written down in `idl/additions.txtpb`."""
    return text_format.Parse(ADDITIONS.read_text(encoding="utf-8"), pb.FileDescriptorSet())


def well_known(files: pb.FileDescriptorSet) -> list[pb.FileDescriptorProto]:
    """Return the files of protobuf itself that some files import."""
    names = {name for file in files.file for name in file.dependency if name.startswith("google/protobuf/")}
    modules = [
        importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2") for name in sorted(names)
    ]
    return [pb.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) for module in modules]


def main(arguments: list[str]) -> int:
    """Write the baseline, or freeze what is added today."""
    match arguments:
        case ["baseline", target]:
            contract = combined(stock_as_ours(), frozen())
            contract.file.extend(well_known(contract))
            Path(target).write_bytes(contract.SerializeToString())
        case ["freeze"]:
            text = text_format.MessageToString(additions(stock_as_ours(), our_files()))
            ADDITIONS.write_text(HEADER + text, encoding="utf-8")
        case _:
            sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
