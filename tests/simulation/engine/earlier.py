"""An earlier execution of a simulated world: what it left for others to take over."""

import random
from hashlib import sha256

from flytelike.codec.parse import serialise
from flytelike.codec.reuse import reuse_list_to_proto
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.reuse import ReusedNode, ReuseSource, Way
from propeller.core.reuse import Reuse
from tests.simulation.engine.blobs import SimulatedBlobs
from tests.simulation.engine.values import Expected, literals
from tests.simulation.graphs import Scenario

OLD = ExecutionId("p", "d", "earlier")
URI = "mem://reuse"


def only_taken(scenario: Scenario) -> dict[NodePath, Reuse]:
    """Return what is listed without the nodes left out: what others need of them would be missing."""
    return {path: what for path, what in scenario.reuse.items() if what is Reuse.TAKE}


class EarlierExecution:
    """Keeps the documents of listed nodes. Some are gone, and some speak of other inputs."""

    def __init__(self, rng: random.Random, scenario: Scenario, expected: Expected) -> None:
        """Draw by lot what is left."""
        self.there: dict[NodePath, bool] = {}
        self._documents: dict[str, bytes] = {}
        self._nodes = {path: self._drawn(rng, scenario, expected, path) for path in scenario.reuse}
        self.list = serialise(reuse_list_to_proto(self._nodes))

    @property
    def digest(self) -> str:
        """The digest of the list."""
        return f"sha256:{sha256(self.list).hexdigest()}"

    def store(self, blobs: SimulatedBlobs) -> None:
        """Put everything where it lies."""
        for uri, data in {URI: self.list, **self._documents}.items():
            blobs.write(uri, data, durable=True)

    def _drawn(self, rng: random.Random, scenario: Scenario, expected: Expected, path: NodePath) -> ReusedNode:
        inputs, outputs = f"mem://old/{path}/inputs.pb", f"mem://old/{path}/outputs.pb"
        gives, others = expected.gives(path), rng.random() < 0.15
        gone = rng.random() < 0.15
        given = {"x": [1, 2, 3]} if others else expected.given(path)
        self._documents[inputs] = literals(given)
        if gives and not gone:
            self._documents[outputs] = literals({"o": expected.output(path)})
        self.there[path] = not others and not (gives and gone)
        source = ReuseSource(OLD, "mem://raw", path, 0, inputs, outputs if gives else "")
        return ReusedNode(Way.TAKE_IF_INPUTS_EQUAL, source)
