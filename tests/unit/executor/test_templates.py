"""Flyte's template variables in commands."""

import pytest

from flytelike.model.literals import Collection, Literal, LiteralValue, Primitive, Void
from propeller.executors.templates import TemplateError, names_in, render

VARIABLES = {"input": "/in.pb", "outputprefix": "/out", "prevcheckpointprefix": '""'}


def rendered(word: str, **inputs: LiteralValue) -> str:
    return render((word,), VARIABLES.get, {name: Literal(value) for name, value in inputs.items()}.get)[0]


@pytest.mark.parametrize(
    "word", ["{{.input}}", "{{ .input }}", "{{$input}}", "{{ $ input }}", "{{.INPUT}}", "{{ .Input}}"]
)
def test_all_ways_to_write_one(word: str) -> None:
    assert rendered(word) == "/in.pb"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a{{.input}}b{{.outputPrefix}}c", "a/in.pbb/outc"),
        ("{{.prevCheckpointPrefix}}", '""'),
        ("{{ input }}", "{{ input }}"),
        ("{{.input", "{{.input"),
    ],
)
def test_everything_else_stays(word: str, text: str) -> None:
    assert rendered(word) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Primitive(3), "3"),
        (Primitive(1.5), "1.5"),
        (Primitive(True), "true"),
        (Primitive("{{.input}}"), "{{.input}}"),
        (Collection((Literal(Primitive(1)), Literal(Primitive(2)))), "[1,2]"),
        (Void(), ""),
    ],
)
def test_inputs_as_text(value: LiteralValue, text: str) -> None:
    """A value is never looked at for templates again."""
    assert rendered("{{.inputs.x}}", x=value) == text


@pytest.mark.parametrize("word", ["{{.inputs.y}}", "{{.nothing}}", "{{.inputs.X}}"])
def test_unknown_names_are_refused(word: str) -> None:
    with pytest.raises(TemplateError):
        rendered(word, x=Primitive(1))


def test_names_used() -> None:
    words = ("{{.Input}} {{.inputs.Mixed}}", "x", "{{$taskTemplatePath}}")
    assert names_in(words) == {"input", "inputs.Mixed", "tasktemplatepath"}
