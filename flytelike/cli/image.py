"""`--image`: the image of tasks that name none."""

import os
import re

import click
from typing_extensions import override

from flytelike.model.image import PLATFORM_IMAGE

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?"
)
"""The grammar of the container registries' `distribution/reference`."""


class ImageType(click.ParamType[str]):
    """An image on the command line: `registry.example/team/image:tag`."""

    name = "image"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the image; a usage error for what no registry would take."""
        if not _REFERENCE.fullmatch(value):
            self.fail(f"{value!r} is no image; expected one like registry.example/team/image:tag, in lower case")
        return value


image_option = click.option(
    "--image",
    type=ImageType(),
    default=lambda: os.environ.get("FLYTELIKE_IMAGE") or PLATFORM_IMAGE,
    help="Image of tasks that name none.  [default: $FLYTELIKE_IMAGE, or the platform's own]",
)
