"""Where an execution's data lie, as in Flyte's task contract."""

import hashlib

from flytelike.model.ids import ExecutionId, NodePath

END = "end-node"
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def node_folder(prefix: str, execution: ExecutionId, path: NodePath) -> str:
    """Return the folder of a node's inputs and outputs; ROOT stands for the execution's own outputs."""
    return f"{prefix}/{execution_folder(execution)}/{path or END}/data"


def execution_folder(execution: ExecutionId) -> str:
    """Return the name of the folder that holds those of an execution's nodes."""
    return f"{execution.project}-{execution.domain}-{execution.name}"


def folder(prefix: str, execution: ExecutionId) -> str:
    """Return the folder that holds those of an execution's nodes."""
    return f"{prefix}/{execution_folder(execution)}"


def inputs_name(path: NodePath) -> str:
    """Return where a node's `inputs.pb` lies in the execution's folder."""
    return f"{path or END}/data/inputs.pb"


def outputs_name(path: NodePath, attempt: int) -> str:
    """Return where an attempt's `outputs.pb` lies in the execution's folder."""
    return f"{path or END}/data/{attempt}/outputs.pb"


def inputs_uri(prefix: str, execution: ExecutionId, path: NodePath) -> str:
    """Return the uri of a node's `inputs.pb`."""
    return f"{node_folder(prefix, execution, path)}/inputs.pb"


def output_prefix(prefix: str, execution: ExecutionId, path: NodePath, attempt: int) -> str:
    """Return the folder that an attempt writes `outputs.pb` or `error.pb` to."""
    return f"{node_folder(prefix, execution, path)}/{attempt}"


def outputs_uri(prefix: str, execution: ExecutionId, path: NodePath, attempt: int) -> str:
    """Return the uri of an attempt's `outputs.pb`."""
    return f"{output_prefix(prefix, execution, path, attempt)}/outputs.pb"


def raw_prefix(prefix: str, execution: ExecutionId, path: NodePath, attempt: int) -> str:
    """Return the folder for an attempt's data; two letters in front spread them over a store's shards."""
    name = data_folder(execution, path, attempt)
    return f"{prefix}/{shard(execution, name)}/{name}"


def data_folder(execution: ExecutionId, path: NodePath, attempt: int) -> str:
    """Return the name of the folder of an attempt's data."""
    return f"{execution.name}-{path}-{attempt}"


def shard(execution: ExecutionId, name: str) -> str:
    """Return the two letters for the data folder of this name."""
    first, second = hashlib.sha256(f"{execution}/{name}".encode()).digest()[:2]
    return f"{LETTERS[first % 36]}{LETTERS[second % 36]}"


def checkpoints(raw: str) -> str:
    """Return the folder for an attempt's checkpoints, below its data."""
    return f"{raw}/_flytecheckpoints"
