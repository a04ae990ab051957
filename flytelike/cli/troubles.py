"""What the platform itself waits for, in words."""

from collections.abc import Sequence

from flytelike.cli.collection import counted
from flytelike_idl.service import maintenance_pb2 as pb


def line(trouble: pb.Trouble) -> str:
    """Return a trouble in one line: what it is, since when, whom it holds up, and that it is waited out."""
    whom = f"; {counted(trouble.executions, 'execution')} held up" if trouble.executions else ""
    since = trouble.since.ToJsonString()
    return f"waits since {since}: {trouble.message} [{trouble.code}]{whom}, and goes on by itself once that is over"


def records(troubles: Sequence[pb.Trouble]) -> list[dict[str, str]]:
    """Return troubles for scripts."""
    return [{"code": it.code, "message": it.message, "since": it.since.ToJsonString()} for it in troubles]
