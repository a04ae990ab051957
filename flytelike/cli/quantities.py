"""Lengths of time and sizes on the command line: `12h`, `500M`."""

import re

import click
from typing_extensions import override

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SIZES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Age(click.ParamType[int]):
    """A length of time such as `90s`, `12h` or `30d`, in seconds."""

    name = "age"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds."""
        found = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no length of time: write 90s, 30m, 12h or 7d", param, ctx)
        return int(found[1]) * UNITS[found[2]]


class Size(click.ParamType[int]):
    """A number of bytes such as `500M` or `2Gi`."""

    name = "size"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        found = re.fullmatch(r"(\d{1,12})(k|M|G|Ki|Mi|Gi)?B?", str(value))
        if found is None:
            self.fail(f"{value!r} is no size: write 800k, 500M or 2Gi", param, ctx)
        return int(found[1]) * SIZES[found[2] or ""]
