"""`--priority`: a number, or the name of one."""

import click
from typing_extensions import override

from flytelike.model.priority import PRIORITY_MAX, Priority, is_priority


class PriorityType(click.ParamType[int]):
    """A priority on the command line: `high`, `medium`, `low`, or a number."""

    name = "priority"

    @override
    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; a usage error for anything else."""
        if isinstance(value, str) and value.upper() in Priority.__members__:
            return int(Priority[value.upper()])
        try:
            number = int(value)
        except ValueError:
            number = PRIORITY_MAX + 1
        if not is_priority(number):
            self.fail(f"{value!r} is none of high, medium, low, or a number from -{PRIORITY_MAX} to {PRIORITY_MAX}")
        return number


PRIORITY = PriorityType()
