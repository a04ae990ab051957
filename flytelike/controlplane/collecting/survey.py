"""Who still refers to what: the references of everything that stays, gathered from all who may have any."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from flytelike.controlplane.collecting.references import Own, References, Root, named_documents, nothing
from flytelike.storage import NotFound, Store, TooLarge
from flytelike.storage.packs import packs_for

FOLLOWED_BYTES_MAX = 64 << 20
"""Larger things than this are files of authors, not values kept outside of their message."""
_DIGEST = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Document:
    """A stored message, who refers to what it names, and which places are the referrer's own."""

    uri: str
    by: str
    own: Own = nothing


@dataclass(slots=True)
class Survey:
    """What is referred to: data, uploads, single documents, and code bundles by their digests."""

    store: Store
    data: References
    uploads: References
    documents: dict[str, str] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    _folders: set[str] = field(default_factory=set)
    _followed: set[str] = field(default_factory=set)

    def note_document(self, uri: str, by: str) -> None:
        """Note that somebody names one document."""
        place = location(uri)
        if place not in self.documents:
            self.documents[place] = by
            self._folders.update(packs_for(place))

    def keeps(self, place: str) -> bool:
        """Tell whether the file at a place is a document that somebody names, or a pack that may hold one."""
        return place in self.documents or place in self._folders

    def scan(self, data: bytes, by: str, own: Own = nothing) -> None:
        """Note what a serialised message names, and what the documents name that it names."""
        self.data.scan(data, by, own)
        self.uploads.scan(data, by)
        for uri in named_documents(data, (self.data.root, self.uploads.root)):
            if uri not in self._followed:
                self._followed.add(uri)
                self._follow(Document(uri, by, own))

    def scan_code(self, data: bytes) -> None:
        """Note the code bundles that a registered entity names; they are named by their digests."""
        self.digests.update(match.decode() for match in _DIGEST.findall(data))

    def read(self, documents: Iterable[Document]) -> None:
        """Scan stored messages; those that are not there name nothing."""
        for document in documents:
            try:
                data = self.store.get(document.uri)
            except NotFound:
                continue
            self.scan(data, document.by, document.own)

    def _follow(self, document: Document) -> None:
        try:
            data = self.store.get(document.uri, max_bytes=FOLLOWED_BYTES_MAX)
        except (NotFound, TooLarge):
            return
        self.scan(data, document.by, document.own)


class ReferenceSource(Protocol):
    """Something whose records may refer to data."""

    async def tell(self, survey: Survey, going: frozenset[int]) -> None:
        """Note in the survey what it refers to; executions whose numbers are in `going` count as gone."""


def survey_of(store: Store, raw_prefix: str, uploads: str) -> Survey:
    """Return a survey of nothing yet, of the platform's own folders."""
    return Survey(store, References(Root(raw_prefix, 2)), References(Root(uploads, 3)))


def location(uri: str) -> str:
    """Return a uri without its scheme, so that two spellings of one place are equal."""
    return uri.partition("://")[2] or uri
