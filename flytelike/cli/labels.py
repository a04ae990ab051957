"""Labels on the command line: `--label KEY=VALUE`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def label_option(command: F) -> F:
    """Add `--label`, which may be given again."""
    return click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; may be given again.")(
        command
    )


def labels_of(words: Sequence[str]) -> dict[str, str] | None:
    """Return labels written as `key=value`, None without any; raises a usage error for other words."""
    pairs = [word.partition("=") for word in words]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise click.UsageError("labels are written KEY=VALUE, such as --label customer=acme")
    return {key: value for key, _, value in pairs} or None
