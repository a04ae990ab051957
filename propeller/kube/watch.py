"""All objects of a kind and every change of them, for as long as one listens: list, watch, and go on after cuts.

A watch that is cut goes on from the last version it told of. Only when the API server has forgotten what followed is
everything listed again; what went meanwhile is told then. Nothing is told twice for the same version.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, assert_never

from propeller.kube.errors import Expired, KubernetesError, ObjectNotFound, Unavailable
from propeller.kube.ports import Change, Json, Objects, Page, Selection, WatchEvent

_LOG = logging.getLogger(__name__)


class ObjectKey(NamedTuple):
    """Names an object of a kind."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An object is there, in this version."""

    key: ObjectKey
    object: Json


@dataclass(frozen=True, slots=True)
class Gone:
    """An object is there no longer."""

    key: ObjectKey


@dataclass(frozen=True, slots=True)
class Listed:
    """All that was there when one began to listen has been told."""


News: TypeAlias = Seen | Gone | Listed


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How patient a watch is.

    Attributes:
        page: How many objects are listed at once.
        length_s: How long one watch lasts, before it goes on as another; up to a third longer at random, so that
            replicas do not come all at once.
        silence_s: How long it may be silent. The API server sends a bookmark each minute, so that silence means a
            connection that only seems to be there.
        backoff_s: The pause after a first failure; it doubles up to `backoff_max_s`, and up to a half is cut at random.
        backoff_max_s: The longest pause.
    """

    page: int = 500
    length_s: int = 300
    silence_s: float = 150.0
    backoff_s: float = 0.1
    backoff_max_s: float = 30.0


@dataclass(slots=True)
class Watch:
    """Listens to a selection of objects. `pause` and `chance` are set by tests."""

    objects: Objects
    selection: Selection
    settings: WatchSettings = field(default_factory=WatchSettings)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    lists: int = 0
    """How often everything was listed."""
    _versions: dict[ObjectKey, tuple[str, str]] = field(default_factory=dict)
    _at: str = ""
    _failures: int = 0

    async def news(self) -> AsyncGenerator[News, None]:
        """Yield what is there and what becomes of it, without end.

        Trouble is waited out. Raises `KubernetesError` only for what waiting does not mend: no right to look.
        """
        told_all = False
        while True:
            try:
                if not self._at:
                    async for item in self._list():
                        yield item
                    if not told_all:
                        told_all = True
                        yield Listed()
                async with aclosing(self._watch()) as watched:
                    async for item in watched:
                        yield item
            except Expired:
                _LOG.info("the changes of %s since version %s are gone: listing again", self.selection.kind, self._at)
                self._at = ""
            except (Unavailable, ObjectNotFound, TimeoutError) as error:
                await self._back_off(error)

    async def _list(self) -> AsyncGenerator[News, None]:
        """Tell what is there, then what is not any more."""
        self.lists += 1
        page = Page([], "", "")
        there: set[ObjectKey] = set()
        while True:
            page = await self.objects.page(self.selection, self.settings.page, page.more)
            for document in page.items:
                key = key_of(document)
                there.add(key)
                if self._is_new(key, document):
                    yield Seen(key, document)
            if not page.more:
                break
        for key in self._versions.keys() - there:
            del self._versions[key]
            yield Gone(key)
        self._at = page.resource_version
        self._failures = 0

    async def _watch(self) -> AsyncGenerator[News, None]:
        """Tell what changes, until the API server ends the watch."""
        length_s = self.settings.length_s + int(self.settings.length_s / 3 * self.chance())
        async with aclosing(self.objects.watch(self.selection, self._at, length_s)) as events:
            while True:
                async with asyncio.timeout(self.settings.silence_s):
                    event = await anext(events, None)
                if event is None:
                    return
                self._failures = 0
                item = self._take(event)
                if item is not None:
                    yield item

    def _take(self, event: WatchEvent) -> News | None:
        self._at = event.object["metadata"]["resourceVersion"]
        match event.change:
            case Change.BOOKMARK:
                return None
            case Change.DELETED:
                key = key_of(event.object)
                return Gone(key) if self._versions.pop(key, None) is not None else None
            case Change.ADDED | Change.MODIFIED:
                key = key_of(event.object)
                return Seen(key, event.object) if self._is_new(key, event.object) else None
            case unreachable:
                assert_never(unreachable)

    def _is_new(self, key: ObjectKey, document: Json) -> bool:
        """Remember an object's version; whether it is another one than before."""
        metadata = document["metadata"]
        version = (metadata["uid"], metadata["resourceVersion"])
        new = self._versions.get(key) != version
        self._versions[key] = version
        return new

    async def _back_off(self, error: KubernetesError | TimeoutError) -> None:
        self._failures += 1
        if self._failures == 1 and not isinstance(error, TimeoutError):
            _LOG.warning("%s cannot be watched; trying again: %s", self.selection.kind.plural, error)
        longest = min(self.settings.backoff_s * 2 ** min(self._failures - 1, 16), self.settings.backoff_max_s)
        await self.pause(longest * (1 - self.chance() / 2))


def key_of(document: Json) -> ObjectKey:
    """Return an object's name."""
    metadata = document["metadata"]
    return ObjectKey(metadata.get("namespace", ""), metadata["name"])
