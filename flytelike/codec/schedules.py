"""Schedules of launch plans."""

from flytelike.codec.faults import MalformedError, known
from flytelike.model.schedule import CronRule, RateRule, RateUnit, Rule, Schedule
from flytelike_idl.admin import schedule_pb2 as pb

_UNITS = {int(unit): unit for unit in RateUnit}


def fill_schedule(schedule: Schedule, out: pb.Schedule) -> None:
    """Write a schedule into a message."""
    out.kickoff_time_input_arg = schedule.kickoff
    match schedule.rule:
        case CronRule(expression, offset):
            out.cron_schedule.schedule = expression
            out.cron_schedule.offset = offset
        case RateRule(value, unit):
            out.rate.value = value
            out.rate.unit = unit.value  # type: ignore[assignment] # the values are the same


def schedule_from_proto(message: pb.Schedule) -> Schedule | None:
    """Return a schedule; None for a message that says nothing, as stock clients send it."""
    rule = _rule(message)
    if rule is not None:
        return Schedule(rule, message.kickoff_time_input_arg)
    if message.kickoff_time_input_arg:
        raise MalformedError("cron_schedule or rate required")
    return None


def _rule(message: pb.Schedule) -> Rule | None:
    match message.WhichOneof("ScheduleExpression"):
        case "cron_schedule":
            return CronRule(message.cron_schedule.schedule, message.cron_schedule.offset)
        case "cron_expression":  # the older form
            return CronRule(message.cron_expression)
        case "rate":
            return RateRule(message.rate.value, known(_UNITS, message.rate.unit, "unit of a rate"))
        case _:
            return None
