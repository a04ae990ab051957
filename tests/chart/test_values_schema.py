"""Values are held to the schema before anything is rendered: no typing error goes unseen."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.values import SETS, SMALLEST
from tests.services.helm import CHART, Helm, HelmFailed

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def keys(values: Any, schema: Any, path: str = "") -> Iterator[tuple[str, bool, bool]]:
    """Yield each key with whether the values and the schema have it, where the schema names keys."""
    for key in sorted({*values, *schema["properties"]}):
        inner = schema["properties"].get(key, {})
        yield f"{path}{key}", key in values, bool(inner)
        if (
            "properties" in inner
            and isinstance(values.get(key), dict)
            and not inner["properties"].keys() <= {"claims", "limits", "requests"}
        ):
            yield from keys(values[key], inner, f"{path}{key}.")


def changed(path: str, to: object) -> dict[str, Any]:
    """Return the smallest values with one more."""
    made: dict[str, Any] = json.loads(json.dumps(SMALLEST))
    place = made
    *above, last = path.split(".")
    for step in above:
        place = place.setdefault(step, {})
    place[last] = to
    return made


def test_schema_and_values_know_the_same_keys() -> None:
    assert [key for key, valued, known in keys(VALUES, SCHEMA) if valued != known and key != "global"] == []


def test_the_schema_knows_no_others() -> None:
    def closed(schema: Any) -> Iterator[str]:
        for name, inner in schema.get("properties", {}).items():
            if "properties" in inner and inner.get("additionalProperties") is not False:
                yield name
            yield from closed(inner)

    assert SCHEMA["additionalProperties"] is False
    assert list(closed(SCHEMA)) == []


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("replicas", 2),
        ("controlPlane.replica", 2),
        ("controlPlane.replicas", 0),
        ("controlPlane.replicas", "2"),
        ("controlPlane.extraEnv", {"A": "b"}),
        ("controlPlane.resources", {"limit": {"cpu": 1}}),
        ("controlPlane.resources", {"limits": {"memory": "1 GB"}}),
        ("controlPlane.service.type", "Loadbalancer"),
        ("propeller.shards", 2000),
        ("propeller.leaseSeconds", 1),
        ("image.digest", "sha256:abc"),
        ("store.uri", ""),
        ("store.uri", "gs://bucket"),
        ("database.existingSecret", ""),
        ("database.existingSecret", "Databases"),
        ("auth.existingSecret", ""),
        ("auth.admins", ["ann"]),
        ("auth.oidc", {"issuer": "https://login.example"}),
        ("clusterResources.archived", "delete"),
        ("clusterResources.templates", {"../x.yaml": "a: b"}),
        ("clusterResources.defaults", {"a-b": "c"}),
        ("clusterResources.domains", {"production": "5"}),
        ("ingress.grpc", {"enabled": True}),
        ("tls.propellerSecret", "propeller"),
        ("eager.endpoint", "plane"),
        ("eager.audience", ""),
        ("trial", {"enabled": True, "secret": "too short"}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_what_cannot_be_is_refused(helm: Helm, path: str, to: object) -> None:
    with pytest.raises(HelmFailed, match="values don't meet the specifications"):
        helm.render(changed(path, to))


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_what_can_be_is_taken(helm: Helm, values: dict[str, Any]) -> None:
    assert helm.render(values)
