"""How the client of a cluster connects."""

import pytest

from propeller.kube.client import session_settings


@pytest.mark.parametrize(("name", "trusted"), [("HTTPS_PROXY", True), ("HTTPS_PROXY_NOT", False)])
def test_the_environment_is_asked_for_proxies_only_if_it_names_one(
    name: str, *, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking takes two threads a call."""
    for known in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(known, raising=False)
        monkeypatch.delenv(known.upper(), raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert session_settings() == {"trust_env": trusted}
