"""An object store that forgets in a power cut what was not synced."""

import random
from collections.abc import Collection, Mapping


class SimulatedBlobs:
    """Objects by uri. Those in `unsynced` are in the machine's memory only."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.unsynced: dict[str, bytes | None] = {}

    def read(self, uri: str) -> bytes:
        return self.objects[uri]

    def write(self, uri: str, data: bytes, *, durable: bool = False) -> None:
        if durable:
            self.unsynced.pop(uri, None)
        else:
            self.unsynced.setdefault(uri, self.objects.get(uri))
        self.objects[uri] = data

    def delete(self, uri: str) -> None:
        self.objects.pop(uri, None)
        self.unsynced.pop(uri, None)

    def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        return {uri: len(self.objects[uri]) for uri in uris if uri in self.objects}

    def sync(self, uri: str) -> None:
        if uri not in self.objects:
            raise KeyError(uri)
        self.unsynced.pop(uri, None)

    def sync_all(self, uris: Collection[str]) -> None:
        for uri in uris:
            self.unsynced.pop(uri, None)

    def sync_below(self, folder: str) -> None:
        self.sync_all([uri for uri in self.unsynced if uri.startswith(f"{folder}/")])

    def power_cut(self, rng: random.Random) -> None:
        """Lose what was not synced, or have it by luck."""
        for uri, before in self.unsynced.items():
            if rng.random() < 0.7:
                if before is None:
                    del self.objects[uri]
                else:
                    self.objects[uri] = before
        self.unsynced.clear()
