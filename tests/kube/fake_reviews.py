"""TokenReviews with the answers of the real API server, for tokens of pods that a test makes."""

import base64
import json
import time
from typing import Any

from propeller.kube.ports import TOKEN_REVIEWS, Json
from tests.kube.fake_objects import FakeObjects

REFUSED = {"user": {}, "error": "[invalid bearer token, service account token has been invalidated]"}


class FakeReviews(FakeObjects):
    """Knows the tokens that it made, and which of them still hold."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._tokens: dict[str, tuple[str, Json]] = {}

    def token(self, namespace: str, pod: str = "", *, audience: str = "flytelike", expires_s: float = 600.0) -> str:
        """Return a token of a namespace's default account, bound to a pod if one is named."""
        bound: Json = {"namespace": namespace, "serviceaccount": {"name": "default", "uid": "u"}}
        extra: dict[str, Any] = {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
        if pod:
            bound["pod"] = {"name": pod, "uid": f"uid-of-{pod}"}
            extra["authentication.kubernetes.io/pod-name"] = [pod]
            extra["authentication.kubernetes.io/pod-uid"] = [f"uid-of-{pod}"]
        claims = {"aud": [audience], "exp": int(time.time() + expires_s), "iss": "https://kube", "kubernetes.io": bound}
        made = f"{encoded({'alg': 'RS256'})}.{encoded(claims | {'jti': len(self._tokens)})}.{encoded({})}"
        user = {"username": f"system:serviceaccount:{namespace}:default", "uid": "u", "extra": extra}
        self._tokens[made] = (audience, {"authenticated": True, "user": user, "audiences": [audience]})
        return made

    def end(self, pod: str) -> None:
        """Let the tokens of a pod hold no more, as when it was deleted."""
        for token, (_, status) in list(self._tokens.items()):
            if status["user"]["extra"].get("authentication.kubernetes.io/pod-name") == [pod]:
                del self._tokens[token]

    async def create(self, kind, namespace, document):
        if kind != TOKEN_REVIEWS:
            return await super().create(kind, namespace, document)
        self._call("create")
        token, audiences = document["spec"]["token"], document["spec"]["audiences"]
        self.asked.append(token)
        audience, status = self._tokens.get(token, ("", REFUSED))
        return document | {"status": status if audience in audiences else REFUSED}


def encoded(part: Json) -> str:
    """Return a part of a JSON Web Token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
