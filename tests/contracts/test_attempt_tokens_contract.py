"""What everything that knows attempts' tokens promises: it tells which attempt holds one, for as long as that runs."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest

from flytelike.cluster.pod_tokens import PodTokens, PodTokenSettings
from flytelike.controlplane.access.ports import AttemptTokens
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from propeller.executors.pod.names import pod_name
from propeller.kube.ports import Objects
from propeller.ports import AttemptKey
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_reviews import FakeReviews
from tests.services.kubernetes import connected

PORTS = {"AttemptTokens": ("PodTokens",)}
IMAGE = {"name": "one", "image": "local/any"}


class World(Protocol):
    """Where attempts run, and who makes tokens there."""

    node: NodeExecutionId

    def runs(self, attempt: int) -> str:
        """Begin an attempt of the node, and return its token."""

    def ends(self, attempt: int) -> None:
        """Let an attempt end."""

    def of_others(self) -> dict[str, str]:
        """Return tokens that are not good, by what is wrong with them; attempt 0 runs."""


class FakeWorld:
    """An API server that is none."""

    def __init__(self) -> None:
        self.objects = FakeReviews()
        self.node = node_in("flights")

    def runs(self, attempt: int) -> str:
        return self.objects.token("flights-development", self._pod(attempt))

    def ends(self, attempt: int) -> None:
        self.objects.end(self._pod(attempt))

    def of_others(self) -> dict[str, str]:
        made, here, pod = self.objects.token, "flights-development", self._pod(0)
        return {
            "for somebody else": made(here, pod, audience="others"),
            "of no pod": made(here),
            "of a pod without an attempt": made(here, "stranger"),
            "made up": made(here, pod)[:-2] + "xx",
        }

    def _pod(self, attempt: int) -> str:
        return pod_name(AttemptKey(self.node.execution, self.node.path, attempt))


class RealWorld:
    """A namespace of a real API server."""

    def __init__(self, plane: ControlPlane, objects: Objects) -> None:
        self.objects = objects
        self.node = node_in(f"p{uuid.uuid4().hex[:12]}")
        self._plane = plane
        self._namespace = f"{self.node.execution.project}-development"
        self._kubectl("create", "namespace", self._namespace)
        self._kubectl("create", "serviceaccount", "tasks")

    def runs(self, attempt: int) -> str:
        return self._token(self._pod(attempt))

    def ends(self, attempt: int) -> None:
        self._kubectl("delete", "pod", self._pod(attempt), "--grace-period=0", "--force")

    def of_others(self) -> dict[str, str]:
        good = self.runs(0)
        return {
            "for somebody else": self._token(self._pod(0), "others"),
            "of no pod": self._kubectl("create", "token", "tasks", "--audience", "flytelike").strip(),
            "of a pod without an attempt": self._token("stranger"),
            "made up": good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        }

    def _token(self, pod: str, audience: str = "flytelike") -> str:
        spec = {"containers": [IMAGE], "serviceAccountName": "tasks"}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": spec}
        made = json.loads(self._kubectl("apply", "-f", "-", "-o", "json", stdin=json.dumps(document)))
        bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod)
        uid = ("--bound-object-uid", made["metadata"]["uid"])
        return self._kubectl("create", "token", "tasks", "--audience", audience, *bound, *uid).strip()

    def _pod(self, attempt: int) -> str:
        return pod_name(AttemptKey(self.node.execution, self.node.path, attempt))

    def _kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self._plane.kubectl("-n", self._namespace, *words, stdin=stdin)


def node_in(project: str) -> NodeExecutionId:
    return NodeExecutionId(ExecutionId(project, "development", "e1"), NodePath("n0"))


Body = Callable[[World, Callable[[], AttemptTokens]], Awaitable[None]]
Run = Callable[[Body], None]


@pytest.fixture(params=["fake", "real"])
def run(request: pytest.FixtureRequest) -> Run:
    plane = request.getfixturevalue("api_server") if request.param == "real" else None

    def run(body: Body) -> None:
        async def main() -> None:
            async with asyncio.timeout(60):
                if plane is None:
                    fake = FakeWorld()
                    await body(fake, lambda: PodTokens(PodTokenSettings(), fake.objects))
                    return
                async with connected(plane) as client:
                    real = await asyncio.to_thread(RealWorld, plane, client)
                    await body(real, lambda: PodTokens(PodTokenSettings(), client))

        asyncio.run(main())

    return run


def test_a_token_tells_which_attempt_holds_it(run: Run) -> None:
    async def body(world: World, made: Callable[[], AttemptTokens]) -> None:
        tokens = made()
        for attempt in (0, 12):
            token = await asyncio.to_thread(world.runs, attempt)
            assert tokens.claims(token)
            bearer = await tokens.bearer(token)
            assert bearer is not None
            assert (bearer.name, bearer.attempt) == (tokens.name_of(world.node, attempt), attempt)
            assert bearer.credential
            assert bearer.credential not in token

    run(body)


def test_what_is_no_attempts_token_is_nobodys(run: Run) -> None:
    async def body(world: World, made: Callable[[], AttemptTokens]) -> None:
        tokens = made()
        for wrong, token in (await asyncio.to_thread(world.of_others)).items():
            assert await tokens.bearer(token) is None, wrong

    run(body)


def test_a_token_ends_with_what_held_it(run: Run) -> None:
    async def body(world: World, made: Callable[[], AttemptTokens]) -> None:
        token = await asyncio.to_thread(world.runs, 0)
        assert await made().bearer(token) is not None
        await asyncio.to_thread(world.ends, 0)
        # Kubernetes itself believes for ten seconds what it has just looked at.
        while await made().bearer(token) is not None:
            await asyncio.sleep(0.1)

    run(body)


def test_names_are_those_of_one_attempt_alone(run: Run) -> None:
    async def body(world: World, made: Callable[[], AttemptTokens]) -> None:
        tokens, execution = made(), world.node.execution
        others = [
            world.node,
            NodeExecutionId(execution, NodePath("n1")),
            NodeExecutionId(replace(execution, name="e2"), NodePath("n0")),
            NodeExecutionId(replace(execution, domain="production"), NodePath("n0")),
            NodeExecutionId(replace(execution, project="other"), NodePath("n0")),
        ]
        names = [tokens.name_of(node, attempt) for node in others for attempt in (0, 1, 10)]
        assert len(set(names)) == len(names)

    run(body)


@pytest.mark.parametrize("token", ["", "flt_abcdefghij_secret", "a.b.c", "....", "e30.e30.e30", "\udcff.\udcff.\udcff"])
def test_tokens_of_others_do_not_claim_to_be_ones(run: Run, token: str) -> None:
    async def body(_world: World, made: Callable[[], AttemptTokens]) -> None:
        assert not made().claims(token)

    run(body)
