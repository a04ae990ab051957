"""Who waits for which limit, and what is used, as propeller, control plane and clients tell each other."""

from flytelike.codec.faults import MalformedError, inside, required
from flytelike.codec.ids import execution_id_from_proto, execution_id_to_proto
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued, QuotaReport, Shortfall
from flytelike.model.quota import PlaceUse, QuotaPlace
from flytelike_idl.service import propeller_pb2, tenancy_pb2


def report_to_proto(report: QuotaReport) -> propeller_pb2.ReportQuotaUseRequest:
    """Return the message of a report."""
    message = propeller_pb2.ReportQuotaUseRequest(at_ms=report.at_ms)
    for place, use in report.uses.items():
        quota = tenancy_pb2.Quota(place=place_to_proto(place))
        message.uses.add(quota=quota, used=use.used, waiting=use.waiting)
    for execution, queued in report.waits:
        message.waits.add(execution=execution_id_to_proto(execution), wait=queued_to_proto(queued))
    return message


def report_from_proto(message: propeller_pb2.ReportQuotaUseRequest) -> QuotaReport:
    """Return a report. Raises MalformedError."""
    uses = {
        inside("uses.quota.place", place_from_proto, use.quota.place): PlaceUse(dict(use.used), use.waiting)
        for use in message.uses
    }
    return QuotaReport(message.at_ms, uses, [_wait_from_proto(wait) for wait in message.waits])


def _wait_from_proto(message: propeller_pb2.ReportedWait) -> tuple[ExecutionId, Queued]:
    for field in ("execution", "wait"):
        required(message, field)
    execution = inside("waits.execution", execution_id_from_proto, message.execution)
    return execution, inside("waits.wait", queued_from_proto, message.wait)


def queued_to_proto(queued: Queued) -> tenancy_pb2.QuotaWait:
    """Return the message of something that waits."""
    message = tenancy_pb2.QuotaWait(
        node_id=queued.path,
        attempt=queued.attempt,
        place=queued.place,
        of=queued.of,
        priority=queued.priority,
        asks=queued.asks,
    )
    if queued.since_ns:
        message.since.FromNanoseconds(queued.since_ns)
    for short in queued.shortfalls:
        told = message.shortfalls.add(place=place_to_proto(short.place), resource=short.resource)
        told.asked, told.used, told.limit = short.asked, short.used, short.limit
        told.never = short.asked > short.limit
        for name, amount in short.held:
            told.held.add(name=name, amount=amount)
    return message


def queued_from_proto(message: tenancy_pb2.QuotaWait) -> Queued:
    """Return what waits. Raises MalformedError."""
    shortfalls = tuple(
        Shortfall(
            inside("shortfalls.place", place_from_proto, short.place),
            short.resource,
            short.asked,
            short.used,
            short.limit,
            tuple((held.name, held.amount) for held in short.held),
        )
        for short in message.shortfalls
    )
    return Queued(
        NodePath(message.node_id),
        message.attempt,
        message.place,
        message.of,
        since_ns=message.since.ToNanoseconds(),
        shortfalls=shortfalls,
        priority=message.priority,
        asks=dict(message.asks),
    )


def place_to_proto(place: QuotaPlace) -> tenancy_pb2.QuotaPlace:
    """Return the message of a place."""
    return tenancy_pb2.QuotaPlace(team=place.team, project=place.project, domain=place.domain)


def place_from_proto(message: tenancy_pb2.QuotaPlace) -> QuotaPlace:
    """Return a place. Raises MalformedError."""
    try:
        return QuotaPlace(message.team, message.project, message.domain)
    except ValueError as error:
        raise MalformedError(str(error)) from error
