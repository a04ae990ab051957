"""What a collection did, for people and for scripts."""

from collections.abc import Iterator, Mapping, Sequence

from flytelike_idl.service import maintenance_pb2 as pb

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """Return bytes in the unit that suits them."""
    scaled, unit = float(size), _UNITS[0]
    for unit in _UNITS:  # noqa: B007 - the last one tried is the one
        if scaled < 1000:
            break
        scaled /= 1000
    return f"{size} B" if unit == "B" else f"{scaled:.1f} {unit}"


def lines_of(report: pb.CollectionReport) -> list[str]:
    """Return a report as lines for people."""
    freed = report.data.size_bytes + report.documents.size_bytes + report.orphans.size_bytes + report.log_bytes
    verb = "would delete" if report.dry_run else "deleted"
    lines = [
        f"{verb} {counted(report.executions, 'execution')} with {counted(report.nodes, 'node')}: {size_text(freed)}"
    ]
    lines += list(_heaps(report))
    if report.kept.count:
        size = size_text(report.kept.size_bytes)
        lines.append(f"  kept      {counted(report.kept.count, 'thing')}, {size}, since they are referred to")
        lines += [f"            {kept.place}  by {kept.by}" for kept in report.kept_examples]
    if report.held:
        lines.append(f"  held      {counted(report.held, 'execution')} that others need")
        lines += [f"            {kept.place}: {kept.by}" for kept in report.held_examples]
    if report.waiting:
        lines.append(
            f"  waiting   {counted(report.waiting, 'execution')}: the engine is not through with them; run it again"
        )
    return lines


def _heaps(report: pb.CollectionReport) -> Iterator[str]:
    for name, what, heap in (
        ("data", "folder", report.data),
        ("documents", "folder", report.documents),
        ("cache", "entry", report.cache),
        ("orphans", "object", report.orphans),
    ):
        if heap.count:
            yield f"  {name:9} {counted(heap.count, what)}, {size_text(heap.size_bytes)}"
    if report.log_bytes:
        yield f"  logs      {size_text(report.log_bytes)}"
    if report.database_bytes:
        yield f"  database  gave back {size_text(report.database_bytes)}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {plural}"


def document_of(report: pb.CollectionReport) -> dict[str, object]:
    """Return a report as a document for scripts; every field is there."""
    heaps = {
        name: {"count": heap.count, "bytes": heap.size_bytes}
        for name, heap in (
            ("data", report.data),
            ("documents", report.documents),
            ("cache", report.cache),
            ("orphans", report.orphans),
        )
    }
    return {
        "dry_run": report.dry_run,
        "executions": report.executions,
        "nodes": report.nodes,
        **heaps,
        "log_bytes": report.log_bytes,
        "database_bytes": report.database_bytes,
        "kept": {
            "count": report.kept.count,
            "bytes": report.kept.size_bytes,
            "examples": _examples(report.kept_examples),
        },
        "held": {"count": report.held, "examples": _examples(report.held_examples)},
        "waiting": report.waiting,
    }


def _examples(found: Sequence[pb.KeptThing]) -> list[dict[str, str]]:
    return [{"place": kept.place, "by": kept.by} for kept in found]


def rule_lines(policies: Mapping[str, object]) -> list[str]:
    """Return the owner's rules as lines for people."""
    lines = []
    for name in ("rules", "cache"):
        found = policies.get(name, [])
        assert isinstance(found, list)
        lines += [f"{'executions' if name == 'rules' else name}: {_settings(rule)}" for rule in found]
    lines += [f"{name}: {policies[name]}" for name in ("every", "engine_states") if name in policies]
    return lines


def _settings(rule: Mapping[str, object]) -> str:
    told = {key: value for key, value in rule.items() if value != "*"}
    if "older_than" not in told and "unused_for" not in told and "max_bytes" not in told:
        told = {"stay": "for ever", **told}
    return ", ".join(f"{key} {value}" for key, value in told.items())
