"""The times of schedules: what a cron expression, a rate and an offset mean."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.schedule import CronRule, RateRule, RateUnit, Rule
from flytelike.schedules.cron import ALIASES, Cron, parse_cron
from flytelike.schedules.faults import ScheduleFault
from flytelike.schedules.offset import parse_offset
from flytelike.schedules.times import Times, due, next_times, times_between, times_of

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * 60 * MINUTE_NS


def at(text: str) -> int:
    """Return an instant, in UTC unless the text says otherwise."""
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) * SECOND_NS


def told(times: list[int], zone: str = "UTC") -> list[str]:
    return [datetime.fromtimestamp(ns // SECOND_NS, ZoneInfo(zone)).strftime("%m-%d %H:%M") for ns in times]


def sound(rule: Rule | str) -> Times:
    found = times_of(CronRule(rule) if isinstance(rule, str) else rule)
    assert not isinstance(found, ScheduleFault), found
    return found


def fault(rule: Rule | str) -> ScheduleFault:
    found = times_of(CronRule(rule) if isinstance(rule, str) else rule)
    assert isinstance(found, ScheduleFault), found
    return found


# --- what expressions mean ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 6 * * *", ["03-28 06:00", "03-29 06:00", "03-30 06:00"]),
        ("*/20 * * * *", ["03-28 00:20", "03-28 00:40", "03-28 01:00"]),
        ("30 4 1,15 * *", ["04-01 04:30", "04-15 04:30", "05-01 04:30"]),
        ("0 0 * * MON", ["03-30 00:00", "04-06 00:00", "04-13 00:00"]),
        ("0 0 * * 7", ["03-29 00:00", "04-05 00:00", "04-12 00:00"]),
        ("0 0 13 * FRI", ["04-03 00:00", "04-10 00:00", "04-13 00:00"]),  # either, as cron has it
        ("0 12 ? 4 MON-TUE", ["04-06 12:00", "04-07 12:00", "04-13 12:00"]),
        ("@daily", ["03-29 00:00", "03-30 00:00", "03-31 00:00"]),
        ("hours", ["03-28 01:00", "03-28 02:00", "03-28 03:00"]),
    ],
)
def test_expressions_mean_what_cron_says(expression: str, expected: list[str]) -> None:
    assert told(next_times(sound(expression), at("2026-03-28T00:00"), 3)) == expected


@pytest.mark.parametrize(
    ("zone", "expression", "since", "expected"),
    [
        # Clocks go forward over the time: it comes when they have.
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", ["03-29 03:00", "03-30 02:30"]),
        # The time comes twice and counts once.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["10-25 02:30", "10-26 02:30"]),
        ("America/New_York", "0 9 * * *", "2026-03-07T20:00", ["03-08 09:00", "03-09 09:00"]),
        # What begins with `*` goes by what passes: the hour that comes twice has twice the times.
        ("Europe/Berlin", "*/30 * * * *", "2026-10-25T00:01", ["10-25 02:30", "10-25 02:00", "10-25 02:30"]),
    ],
)
def test_times_are_read_off_the_clocks_of_their_zone(
    zone: str, expression: str, since: str, expected: list[str]
) -> None:
    times = next_times(sound(f"CRON_TZ={zone} {expression}"), at(since), len(expected))
    assert told(times, zone) == expected


def test_without_a_zone_times_are_utc() -> None:
    cron = parse_cron("0 6 * * *")
    assert cron == Cron("0 6 * * *", "UTC") == parse_cron("TZ=UTC  0 6 *  * *")


def test_an_offset_lets_each_time_come_later() -> None:
    times = sound(CronRule("0 23 * * *", "PT90M"))
    assert told(next_times(times, at("2026-01-01T00:29"), 2)) == ["01-01 00:30", "01-02 00:30"]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("", 0), ("PT1M", 1), ("PT1H30M", 90), ("P1D", 1440), ("P1DT1M", 1441), ("P2W", 20160), ("PT60S", 1)],
)
def test_offsets_are_iso_durations(text: str, minutes: int) -> None:
    assert parse_offset(text) == minutes * MINUTE_NS


@pytest.mark.parametrize("text", ["1h", "P", "PT", "P1M", "P1Y", "-PT1M", "PT1", "P1W1D", "P400D", "PT1M ", "PT١M"])
def test_other_offsets_are_refused(text: str) -> None:
    assert isinstance(parse_offset(text), ScheduleFault)


def test_rates_come_at_the_multiples_of_their_length() -> None:
    since = at("2026-01-01T10:07")
    assert told(next_times(sound(RateRule(10, RateUnit.MINUTE)), since, 2)) == ["01-01 10:10", "01-01 10:20"]
    assert told(next_times(sound(RateRule(2, RateUnit.HOUR)), since, 2)) == ["01-01 12:00", "01-01 14:00"]
    assert told(next_times(sound(RateRule(1, RateUnit.DAY)), since, 2)) == ["01-02 00:00", "01-03 00:00"]


# --- what is refused, and how that is told --------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "headline", "help_"),
    [
        ("61 * * * *", "`61` is no minute (field 1 of `61 * * * *`)", "minute: 0 to 59"),
        ("0 24 * * *", "`24` is no hour (field 2 of `0 24 * * *`)", "hour: 0 to 23"),
        ("0 0 32 * *", "`32` is no day of the month (field 3 of `0 0 32 * *`)", "day of the month: 1 to 31"),
        ("0 0 1 13 *", "`13` is no month (field 4 of `0 0 1 13 *`)", "month: 1 to 12 or JAN to DEC"),
        ("0 0 * * MON-FRY", "`MON-FRY` is no day of the week (field 5 of `0 0 * * MON-FRY`)", "SUN to SAT"),
        ("* * * *", "`* * * *` is no cron expression: it has 4 fields, five are wanted", "`0 6 * * MON-FRI`"),
        ("0 0 0 1 1 *", "it has 6 fields, five are wanted", "an alias"),
        ("@fortnightly", "it has 1 field, five are wanted", "@daily"),
        ("@every 1h", "`@every 1h` is a rate, no cron expression", "use a fixed rate"),
        ("CRON_TZ=Europe/Atlantis 0 0 * * *", "there is no time zone `Europe/Atlantis`", "IANA"),
        ("CRON_TZ=../../etc/passwd 0 0 * * *", "there is no time zone", "IANA"),
        ("0 0 30 2 *", "`0 0 30 2 *` never comes", "choose a day"),
        ("", "five are wanted", "@daily"),
        ("*/0 * * * *", "`*/0` is no minute", "steps such as */2"),
    ],
)
def test_a_bad_expression_is_told_with_the_place_and_what_is_expected(
    expression: str, headline: str, help_: str
) -> None:
    found = fault(expression)
    assert headline in found.headline
    assert help_ in found.help


@pytest.mark.parametrize("value", [0, -1, 1_000_000])
def test_a_rate_is_positive_and_at_most_a_year(value: int) -> None:
    assert "a year" in fault(RateRule(value, RateUnit.DAY)).help


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_schedule_or_told_to_be_none(text: str) -> None:
    found = times_of(CronRule(text))
    assert isinstance(found, ScheduleFault) or next_times(found, at("2026-01-01T00:00"), 1)


# --- properties -----------------------------------------------------------------------------

FIELD = st.one_of(st.just("*"), st.integers(1, 7).map(str), st.integers(1, 20).map(lambda step: f"*/{step}"))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"])
CRONS = st.builds(
    lambda zone, minute, hour, day, weekday, offset: CronRule(
        f"CRON_TZ={zone} {minute} {hour} {day} * {weekday}", offset
    ),
    ZONES,
    FIELD,
    FIELD,
    st.sampled_from(["*", "1", "29", "*/2"]),
    st.sampled_from(["*", "MON-FRI", "0"]),
    st.sampled_from(["", "PT7M", "P1D"]),
)
RULES: st.SearchStrategy[Rule] = st.one_of(
    CRONS,
    st.sampled_from(sorted(ALIASES)).map(CronRule),
    st.builds(RateRule, st.integers(1, 300), st.sampled_from(RateUnit)),
)
CHANGES = st.sampled_from(["2026-03-29", "2026-10-25", "2017-10-15", "2018-02-18", "2026-04-05", "2026-10-04"])
"""Days on which clocks are set in some of the zones."""
INSTANTS = st.one_of(
    st.integers(at("2000-01-01T00:00"), at("2060-01-01T00:00")),
    st.builds(lambda day, minutes: at(f"{day}T00:00") + minutes * MINUTE_NS, CHANGES, st.integers(-1_500, 1_500)),
)


@given(RULES, INSTANTS)
def test_times_are_whole_minutes_that_rise(rule: Rule, since: int) -> None:
    times = next_times(sound(rule), since, 20)
    assert all(one < other for one, other in pairwise([since, *times]))
    assert all(time % MINUTE_NS == 0 for time in times)


@given(RULES, INSTANTS, st.integers(0, 8))
def test_it_does_not_matter_from_where_one_counts(rule: Rule, since: int, steps: int) -> None:
    """The times after a time are the rest of the times: what is stored of a schedule is one instant only."""
    times = next_times(sound(rule), since, 10)
    assert next_times(sound(rule), times[steps], 9 - steps) == times[steps + 1 :]


@given(RULES, INSTANTS)
def test_times_backwards_are_those_forwards(rule: Rule, since: int) -> None:
    times = next_times(sound(rule), since, 8)
    assert list(islice(sound(rule).before(times[-1]), 7)) == times[-2::-1]


@given(RULES, INSTANTS, st.integers(0, 20), st.integers(1, 12))
def test_due_are_the_latest_and_the_rest_is_named(rule: Rule, since: int, passed: int, most: int) -> None:
    times = next_times(sound(rule), since, 21)
    found = due(sound(rule), since, times[passed], most)
    came = times[: passed + 1]
    assert list(found.times) == came[-most:]
    missed = came[:-most]
    assert (found.missed_from_ns, found.missed_to_ns) == ((missed[0], missed[-1]) if missed else (0, 0))


@given(CRONS, INSTANTS)
def test_a_day_has_the_times_that_its_minutes_match(rule: CronRule, since: int) -> None:
    """An independent look: go through the minutes of a day without changes of clocks, and match each field."""
    prefix, minute, hour, day, _, weekday = rule.expression.split()
    begin = since // DAY_NS * DAY_NS
    zone = ZoneInfo(prefix.removeprefix("CRON_TZ="))
    minutes = [datetime.fromtimestamp((begin + n * MINUTE_NS) // SECOND_NS, UTC).astimezone(zone) for n in range(1440)]
    if (
        len({moment.utcoffset() for moment in minutes}) > 1
        or minutes[0].utcoffset() != (minutes[0] + timedelta(days=1)).utcoffset()
    ):
        return
    either = not (day.startswith("*") or weekday.startswith("*"))
    expected = []
    for moment in minutes:
        in_month, in_week = fits(day, moment.day, 1), fits_week(weekday, moment.isoweekday() % 7)
        if (in_month or in_week) if either else (in_month and in_week):
            if fits(minute, moment.minute, 0) and fits(hour, moment.hour, 0):
                expected.append(int(moment.timestamp()) * SECOND_NS)
    found = times_between(sound(CronRule(rule.expression)), begin, begin + DAY_NS, 2_000)
    assert found == expected


def fits(field: str, value: int, first: int) -> bool:
    if field.startswith("*/"):
        return (value - first) % int(field[2:]) == 0
    return field == "*" or value == int(field)


def fits_week(field: str, value: int) -> bool:
    return field == "*" or (field == "MON-FRI" and 1 <= value <= 5) or (field == "0" and value == 0)
