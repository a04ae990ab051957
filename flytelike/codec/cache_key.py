"""The key of a piece of work."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from flytelike.codec.data_uris import uris_in
from flytelike.codec.interface import fill_interface
from flytelike.codec.parse import serialise
from flytelike.codec.value_digest import value_digest
from flytelike.model.caching import CacheKey, derived_version
from flytelike.model.graph import TaskTemplate
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import (
    Blob,
    Literal,
    LiteralMap,
    Map,
    Offloaded,
    SchemaValue,
    StructuredDataset,
    UnionValue,
)
from flytelike.model.literals import (
    Collection as ListOf,
)
from flytelike.model.policies import CachePolicy
from flytelike_idl.core import interface_pb2

NO_CONTENTS: Mapping[str, str] = MappingProxyType({})


def work_key(task: TaskTemplate, policy: CachePolicy) -> CacheKey:
    """Return the key of a task's work but for its inputs.

    A version that the author gives says alone when results are equal, as in Flyte; one that is derived from
    the code goes with the image the code runs in. Where there is neither, results belong to one version of the task.
    """
    derived = derived_version(task.code) if task.code else ""
    version = policy.version or derived or f"task version {task.id.version}"
    image = task.container.image if version == derived and task.container is not None else ""
    return CacheKey(task.id.project, task.id.domain, task.id.name, interface_digest(task.interface), version, image, ())


def with_inputs(
    key: CacheKey, inputs: LiteralMap, ignored: Collection[str], contents: Mapping[str, str] = NO_CONTENTS
) -> CacheKey:
    """Return a work's whole key. `contents` names what lies at the addresses that `unnamed_data` gives."""
    digests = input_digests(inputs, ignored, contents)
    return CacheKey(key.project, key.domain, key.task, key.interface, key.version, key.environment, digests)


def input_digests(
    inputs: LiteralMap, ignored: Collection[str], contents: Mapping[str, str] = NO_CONTENTS
) -> tuple[tuple[str, str], ...]:
    """Return the digests of inputs that count, sorted by name; see `with_inputs`."""
    return tuple((name, _digest(inputs[name], contents)) for name in sorted(inputs) if name not in ignored)


def unnamed_data(inputs: LiteralMap, ignored: Collection[str]) -> tuple[str, ...]:
    """Return where data lies that inputs name without saying what it is: by its address alone it could change."""
    counted = (literal for name, literal in inputs.items() if name not in ignored)
    return tuple(dict.fromkeys(uri for literal in counted for uri in uris_in(literal, unnamed=True)))


def _digest(literal: Literal, contents: Mapping[str, str]) -> str:
    if not contents:
        return value_digest(literal)
    digest = value_digest(_named(literal, contents))
    # What lies inside of documents goes by address and content.
    inside = [(uri, contents[uri]) for uri in uris_in(_named(literal, contents), unnamed=True) if uri in contents]
    if not inside:
        return digest
    return f"sha256:{hashlib.sha256(json.dumps([digest, sorted(inside)]).encode()).hexdigest()}"


def _named(literal: Literal, contents: Mapping[str, str]) -> Literal:
    """Return the value with what is known of the content it refers to."""
    value = literal.value
    match value:
        case ListOf(items):
            return replace(literal, value=ListOf(tuple(_named(item, contents) for item in items)))
        case Map(entries):
            return replace(literal, value=Map({name: _named(item, contents) for name, item in entries.items()}))
        case UnionValue(inner, kind):
            return replace(literal, value=UnionValue(_named(inner, contents), kind))
        case Offloaded(uri) | Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            return literal if literal.hash else replace(literal, hash=contents.get(uri, ""))
        case _:
            return literal


def interface_digest(interface: TypedInterface) -> str:
    """Return the digest of the types of inputs and outputs; descriptions don't count."""

    def bare(variables: dict[str, Variable]) -> dict[str, Variable]:
        return {name: Variable(variable.type) for name, variable in variables.items()}

    message = interface_pb2.TypedInterface()
    fill_interface(TypedInterface(bare(dict(interface.inputs)), bare(dict(interface.outputs))), message)
    return f"sha256:{hashlib.sha256(serialise(message)).hexdigest()}"
