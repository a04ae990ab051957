"""Rules that the options of tasks, nodes, workflows and launch plans share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flytelike.model.priority import PRIORITY_MAX, is_priority
from flytelike.model.suggestion import nearest
from flytelike.sdk.resources import Resources, resource_faults


@dataclass(frozen=True, slots=True)
class OptionFault:
    """What is wrong with one option."""

    code: str
    option: str
    headline: str
    help: str = ""


def unknown_options(options: Mapping[str, object], known: Mapping[str, object]) -> Iterator[OptionFault]:
    """Tell of options that don't exist."""
    for word in options:
        if word not in known:
            meant = nearest(word, known)
            listed = "" if meant else f"the options are {', '.join(f'`{name}`' for name in known)}"
            yield OptionFault("unknown-option", word, f"there is no option `{word}`{meant}", listed)


def wrong_types(options: Mapping[str, object], types: Mapping[str, tuple[type, ...]]) -> Iterator[OptionFault]:
    """Tell of options whose value has the wrong type. A bool is no number here."""
    for word, value in options.items():
        expected = types.get(word)
        if expected is None:
            continue
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in expected)
            yield OptionFault("invalid-option", word, f"`{word}` must be {names}, not {type(value).__name__}")


def duration_ns(value: timedelta | int) -> int:
    """Return a duration in nanoseconds; a number counts seconds."""
    if isinstance(value, timedelta):
        return (value // timedelta(microseconds=1)) * 1_000
    return value * 1_000_000_000


def duration_faults(word: str, value: timedelta | int | None) -> Iterator[OptionFault]:
    """Tell of a negative duration."""
    if value is not None and duration_ns(value) < 0:
        yield OptionFault("invalid-option", word, f"`{word}` can't be negative")


def priority_faults(value: int | None) -> Iterator[OptionFault]:
    """Tell of a number that is no priority."""
    if value is not None and not is_priority(value):
        headline = f"`priority={value}` does not lie between -{PRIORITY_MAX} and {PRIORITY_MAX}"
        yield OptionFault("invalid-priority", "priority", headline, "`Priority.HIGH` is 100, `Priority.LOW` -100")


def text_map_faults(word: str, value: object) -> Iterator[OptionFault]:
    """Tell of keys and values that are no text."""
    for key, text in value.items() if isinstance(value, Mapping) else ():
        if not isinstance(key, str) or not isinstance(text, str):
            yield OptionFault("invalid-option", word, f"`{word}` maps text to text, but holds {key!r}: {text!r}")


def resources_option_faults(
    requests: Resources | None, limits: Resources | None, both: Resources | None
) -> Iterator[OptionFault]:
    """Tell what is wrong with resources given in one of the two ways."""
    if both is not None and (requests is not None or limits is not None):
        yield OptionFault(
            "contradictory-options",
            "resources",
            "`resources` says the same as `requests` and `limits`",
            "give `resources`, or `requests` and `limits`",
        )
    for word, given in (("requests", requests), ("limits", limits), ("resources", both)):
        if given is not None:
            for text in resource_faults(given, pairs=word == "resources"):
                yield OptionFault(
                    "invalid-quantity", word, text, 'quantities look like `"500m"`, `2`, `"512Mi"` or `"2Gi"`'
                )
