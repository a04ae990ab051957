"""How pod templates are laid over each other."""

from typing import Any

import pytest

from propeller.executors.pod.merging import combined, from_template, laid_over


def containers(*names: str, **fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, **fields} for name in names]}}


def term(*keys: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": "Exists"} for key in keys]}


@pytest.mark.parametrize(
    ("base", "overlay", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": {"c": 1, "d": 1}}, {"b": {"c": 2}}, {"a": 1, "b": {"c": 2, "d": 1}}),
        ({"a": True}, {"a": False}, {"a": False}),
        ({"a": 1}, {"a": None}, {"a": 1}),
        ({"args": ["x"]}, {"args": ["y"]}, {"args": ["y"]}),
        ({"tolerations": ["a"]}, {"tolerations": ["b", "a"]}, {"tolerations": ["a", "b"]}),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]},
            {"env": [{"name": "B", "valueFrom": {"fieldRef": {}}}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {}}}]},
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}]},
            {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "w"}]},
            {"volumes": [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}, {"name": "w"}]},
        ),
        (
            {"nodeSelectorTerms": [term("a"), term("b")]},
            {"nodeSelectorTerms": [term("c")]},
            {"nodeSelectorTerms": [term("a", "c"), term("b", "c")]},
        ),
    ],
    ids=["new", "nested", "false", "nothing", "command", "list", "variables", "volumes", "nodes-needed"],
)
def test_what_the_upper_one_says_counts(base: Any, overlay: Any, result: Any) -> None:
    before = repr((base, overlay))
    assert laid_over(base, overlay) == result
    assert repr((base, overlay)) == before


def test_the_last_template_lies_on_top() -> None:
    assert combined([{"a": 1, "b": 1}, {"a": 2}, {}]) == {"a": 2, "b": 1}


def test_default_lies_below_every_container_and_primary_below_the_first() -> None:
    template = {
        "metadata": {"labels": {"team": "ml"}},
        "spec": {
            "nodeSelector": {"zone": "a"},
            "containers": [
                {"name": "default", "image": "none", "env": [{"name": "A", "value": "1"}]},
                {"name": "primary", "image": "none", "tty": True},
                {"name": "side", "image": "none", "stdin": True},
                {"name": "unrelated", "image": "none"},
            ],
            "initContainers": [{"name": "default-init", "image": "none", "env": [{"name": "B", "value": "1"}]}],
        },
    }
    pod = containers("main", "side", image="own")
    pod["spec"]["initContainers"] = [{"name": "fetch", "image": "own"}]
    result = from_template(template, pod, "main")
    env = [{"name": "A", "value": "1"}]
    assert result["metadata"]["labels"] == {"team": "ml"}
    assert result["spec"] == {
        "nodeSelector": {"zone": "a"},
        "containers": [
            {"name": "main", "image": "own", "env": env, "tty": True},
            {"name": "side", "image": "own", "env": env, "stdin": True},
        ],
        "initContainers": [{"name": "fetch", "image": "own", "env": [{"name": "B", "value": "1"}]}],
    }
