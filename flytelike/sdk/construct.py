"""Steps of a workflow that are no entities of their own: they have no name in the registry."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple, Self

from typing_extensions import override

from flytelike.model.ids import ResourceKind
from flytelike.model.span import SourceSpan
from flytelike.sdk.entity import NodeEntity
from flytelike.sdk.frames import author_frame
from flytelike.sdk.signature import Input, Outputs, Signature
from flytelike.sdk.source import CallSite, call_site


@dataclass(frozen=True, slots=True)
class PlacedSignature(Signature):
    """What something takes and gives that no function declares: all of it stands in one place."""

    site: CallSite = field(kw_only=True)

    @override
    def input_span(self, name: str) -> SourceSpan:
        return self.site.span

    @override
    def output_span(self) -> SourceSpan:
        return self.site.span

    @override
    def returned_span(self) -> SourceSpan:
        return self.site.span

    @property
    @override
    def span(self) -> SourceSpan:
        return self.site.span


class Made(NamedTuple):
    """Where the author makes something: in which code, and where exactly."""

    code: CodeType
    site: CallSite

    @classmethod
    def here(cls) -> Self:
        """Return the place that the author's code is at."""
        frame = author_frame()
        return cls(frame.f_code, call_site(frame))


class Construct(NodeEntity[..., Any]):
    """A step that a workflow's body makes without calling an entity: a branch, a gate."""

    resource_kind = ResourceKind.UNSPECIFIED

    def __init__(self, name: str, kind: str, made: "Made") -> None:
        """Keep the name, the word for its kind in messages, and where it is made."""
        super().__init__(_without_function, kind)
        self._name: str = name
        self._made: Made = made

    @property
    @override
    def short_name(self) -> str:
        return self._name

    @property
    @override
    def span(self) -> SourceSpan:
        return self._made.site.span

    @property
    def takes(self) -> dict[str, Input]:
        """Its inputs."""
        return {}

    @property
    def gives(self) -> Outputs:
        """Its outputs."""
        return Outputs()

    @cached_property
    @override
    def signature(self) -> Signature:
        return PlacedSignature(self.takes, self.gives, self._made.code, site=self._made.site)

    @property
    def parts(self) -> Iterable[NodeEntity[..., Any]]:
        """The entities it runs."""
        return ()

    @override
    def calls(self) -> Iterable[NodeEntity[..., Any]]:
        return tuple(dict.fromkeys(self.parts))


def _without_function() -> None:
    """Stand where other entities have their author's function."""
