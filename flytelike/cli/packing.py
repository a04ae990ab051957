"""How an author's files become a version: `--version`, `--copy`, `--image`."""

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import click
from typing_extensions import override

from flytelike.bundle.collect import Copy
from flytelike.model.image import PLATFORM_IMAGE

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?"
)
"""The grammar of the container registries' `distribution/reference`."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How files become a version.

    Attributes:
        version: Its name; made of the content if empty.
        copy: Which code goes with it.
        image: The image of tasks that name none.
    """

    version: str = ""
    copy: Copy = Copy.AUTO
    image: str = PLATFORM_IMAGE


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


def packing_options(version: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the options, with what `--version` is for; the command gets them as its `packing`."""

    def added(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def packed(*, version: str, copy: str, image: str, **others: object) -> int:
            return command(packing=Packing(version, Copy(copy), image), **others)

        copies = click.Choice([copy.value for copy in Copy])
        copy = click.option("--copy", type=copies, default="auto", show_default=True, help="Code to bundle.")
        return click.option("--version", default="", help=version)(copy(image_option(packed)))

    return added
