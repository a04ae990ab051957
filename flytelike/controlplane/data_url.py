"""Flyte's names for data: `flyte://v1/project/domain/execution/node[/attempt]/{i,o,d}[/name]`."""

from dataclasses import dataclass

from flytelike.controlplane.errors import invalid
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath

SCHEME = "flyte://v1/"
PARTS = frozenset("iod")


@dataclass(frozen=True, slots=True)
class DataUrl:
    """What is named: inputs (`i`), outputs (`o`) or the deck (`d`) of a node or of one of its attempts."""

    node: NodeExecutionId
    attempt: int | None
    part: str
    name: str


def parse_data_url(url: str) -> DataUrl:
    """Return what a url names; raises Refusal INVALID_ARGUMENT."""
    steps = url.removeprefix(SCHEME).split("/")
    if not url.startswith(SCHEME) or len(steps) < 5 or not all(steps):
        raise _malformed(url)
    project, domain, execution, node, *rest = steps
    attempt = None
    if rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 10:
        attempt = int(rest.pop(0))
    if not rest or rest[0] not in PARTS or len(rest) > 2:
        raise _malformed(url)
    return DataUrl(
        NodeExecutionId(ExecutionId(project, domain, execution), NodePath(node)),
        attempt,
        rest[0],
        rest[1] if len(rest) == 2 else "",
    )


def _malformed(url: str) -> Exception:
    return invalid(
        "invalid-data-url",
        f"{url[:200]!r} names no data",
        "write flyte://v1/project/domain/execution/node[/attempt]/{i,o,d}[/name]",
    )
