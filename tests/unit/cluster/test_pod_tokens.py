"""Tokens of pods are reviewed by Kubernetes: not too often, for our audience alone, and nothing of them is kept."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flytelike.cli import serve
from flytelike.cluster import pod_tokens as module
from flytelike.cluster.pod_tokens import PodTokens, PodTokenSettings, bearer_in
from flytelike.controlplane.errors import Refusal
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from propeller.executors.pod.names import pod_name
from propeller.kube.errors import Refused, Unavailable
from propeller.ports import AttemptKey
from tests.kube.fake_reviews import FakeReviews, encoded

NODE = NodeExecutionId(ExecutionId("flights", "development", "e1"), NodePath("n0"))
POD = pod_name(AttemptKey(NODE.execution, NODE.path, 0))
HERE = "flights-development"


def live(body: Callable[[FakeReviews, PodTokens], Awaitable[None]], settings: PodTokenSettings | None = None) -> None:
    async def main() -> None:
        reviews = FakeReviews()
        await body(reviews, PodTokens(settings or PodTokenSettings(), reviews))

    asyncio.run(main())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass as the module sees it."""
    passed = [0.0]
    began = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: began + passed[0])

    def forward(seconds: float) -> None:
        passed[0] += seconds

    return forward


def test_an_answer_counts_for_a_minute(clock: Callable[[float], None]) -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        token = reviews.token(HERE, POD)
        for passes, asked in ((0, 1), (59, 1), (2, 2)):
            clock(passes)
            assert await tokens.bearer(token) is not None
            assert len(reviews.asked) == asked
        reviews.end(POD)
        clock(61)
        assert await tokens.bearer(token) is None

    live(body)


def test_an_answer_counts_no_longer_than_the_token(clock: Callable[[float], None]) -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        token = reviews.token(HERE, POD, expires_s=10)
        assert await tokens.bearer(token) is not None
        clock(11)
        await tokens.bearer(token)
        assert len(reviews.asked) == 2

    live(body)


def test_a_refusal_counts_for_ten_seconds(clock: Callable[[float], None]) -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        token = reviews.token(HERE, "stranger")
        for passes, asked in ((0, 1), (9, 1), (2, 2)):
            clock(passes)
            assert await tokens.bearer(token) is None
            assert len(reviews.asked) == asked

    live(body)


def test_what_many_calls_bring_at_once_is_asked_about_once() -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        token = reviews.token(HERE, POD)
        found = await asyncio.gather(*[tokens.bearer(token) for _ in range(32)])
        assert len(set(found)) == len(reviews.asked) == 1

    live(body)


@pytest.mark.parametrize("trouble", [Unavailable(0, "", "no answer"), Refused(403, "Forbidden", "may not review")])
def test_while_nobody_can_say_calls_are_to_come_again(trouble: Exception) -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        token = reviews.token(HERE, POD)
        reviews.trouble = [trouble]  # type: ignore[list-item]
        with pytest.raises(Refusal) as refused:
            await tokens.bearer(token)
        assert [found.code for found in refused.value.diagnostics] == ["cluster-unavailable"]
        assert token not in str(refused.value)
        assert await tokens.bearer(token) is not None, "and then they get through"

    live(body)


def test_neither_logs_nor_memory_have_a_token(caplog: pytest.LogCaptureFixture) -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        with caplog.at_level(logging.DEBUG):
            made = [reviews.token(HERE, POD), reviews.token(HERE, "stranger"), reviews.token(HERE, POD, audience="x")]
            for token in made:
                await tokens.bearer(token)
        for token in made:
            assert token not in caplog.text
            assert token not in repr(vars(tokens))
        assert caplog.records, "what is refused is told"

    live(body)


def test_another_namespace_is_another_name() -> None:
    async def body(reviews: FakeReviews, tokens: PodTokens) -> None:
        bearer = await tokens.bearer(reviews.token("others-development", POD))
        assert bearer is not None
        assert bearer.name != tokens.name_of(NODE, 0)
        assert PodTokens(PodTokenSettings(namespace="others-{domain}"), reviews).name_of(NODE, 0) == bearer.name

    live(body)


def test_a_token_of_an_identity_provider_is_not_sent_to_the_api_server() -> None:
    async def body(_reviews: FakeReviews, tokens: PodTokens) -> None:
        for claims in ({"aud": "flytelike"}, {"aud": ["others"], "kubernetes.io": {}}, {"kubernetes.io": {}}, [1]):
            assert not tokens.claims(f"{encoded({})}.{encoded(claims)}.{encoded({})}")  # type: ignore[arg-type]
        deep = base64.urlsafe_b64encode(b"[" * 10_000).decode().rstrip("=")
        assert not tokens.claims(f"a.{deep}.b")

    live(body)


GOOD: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["flytelike"],
    "user": {
        "username": "system:serviceaccount:flights-development:default",
        "extra": {
            "authentication.kubernetes.io/pod-name": [POD],
            "authentication.kubernetes.io/pod-uid": ["1-2"],
        },
    },
}


def test_a_review_tells_the_pod_and_its_namespace() -> None:
    found = bearer_in({"status": GOOD}, "flytelike")
    assert found is not None
    assert (found.name, found.attempt, found.credential) == (f"pod:flights-development/{POD}", 0, "1-2")


@pytest.mark.parametrize(
    "changed",
    [
        {"authenticated": False},
        {"authenticated": "true"},
        {"audiences": []},
        {"audiences": None},
        {"audiences": ["others"]},
        {"user": None},
        {"user": {**GOOD["user"], "username": "ann"}},
        {"user": {**GOOD["user"], "username": "system:node:node-0"}},
        {"user": {**GOOD["user"], "extra": None}},
        *[
            {
                "user": {
                    **GOOD["user"],
                    "extra": {**GOOD["user"]["extra"], f"authentication.kubernetes.io/{name}": value},
                }
            }
            for name in ("pod-name", "pod-uid")
            for value in ([], ["", ""], [""], None)
        ],
    ],
    ids=json.dumps,
)
def test_a_review_that_says_less_is_of_nobody(changed: dict[str, Any]) -> None:
    assert bearer_in({"status": {**GOOD, **changed}}, "flytelike") is None


def test_a_review_without_an_answer_is_of_nobody() -> None:
    assert bearer_in({}, "flytelike") is None


def test_a_replica_accepts_what_it_is_told_to() -> None:
    words = ["--database", "d", "--store", "s"]
    for more, expected in (
        ([], PodTokenSettings("flytelike", "{project}-{domain}")),
        (["--pods-token-audience", "", "--pods-namespace", "runs"], PodTokenSettings("", "runs")),
    ):
        context = serve.command.make_context("serve", [*words, *more])
        assert serve.options_of(context.params).pod_tokens == expected
