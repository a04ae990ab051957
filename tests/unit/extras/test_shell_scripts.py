"""Places in shell scripts: whatever a value holds, the shell takes it for text."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.extras.tasks.script import VALUE_BYTES_MAX, rendered

NASTY = "a'b\"; echo `id` $(id) $HOME \\ *\n!"


def said(script: str, value: str | float) -> str:
    """Return what a script prints whose every place has this value."""
    found = rendered(script, lambda _, __: value)
    done = subprocess.run(["/bin/sh", "-c", found.text], env=found.env, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("script", "before", "after"),
    [
        ("printf %s {inputs.x}", "", ""),
        ('printf %s "{inputs.x}"', "", ""),
        ("printf %s '{inputs.x}'", "", ""),
        ('printf %s "it\'s {inputs.x}"', "it's ", ""),
        ("printf %s 'say \"{inputs.x}\"'", 'say "', '"'),
        ('printf %s "$(printf %s {inputs.x})"', "", ""),
        ('printf %s "$(printf %s "{inputs.x}")"', "", ""),
        ("# don't\nprintf %s {inputs.x}", "", ""),
        ('printf %s \\"{inputs.x}\\"', '"', '"'),
        ("cat <<END\n{inputs.x}\nEND\nprintf .", "", "\n."),
        ("cat <<-END\n\t'{inputs.x}'\n\tEND\nprintf %s {inputs.x}", "'", "'\n" + NASTY),
    ],
)
def test_a_value_is_text_wherever_it_stands(script: str, before: str, after: str) -> None:
    assert said(script, NASTY) == before + NASTY + after


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.sampled_from(["", "'", '"']))
def test_no_value_becomes_a_part_of_the_script(value: str, quote: str) -> None:
    found = rendered(f"printf %s {quote}{{inputs.x}}{quote}", lambda _, __: value)
    assert list(found.env.values()) == [value]
    assert found.text == rendered(f"printf %s {quote}{{inputs.x}}{quote}", lambda _, __: "").text


@pytest.mark.parametrize(("value", "text"), [(41, "42"), (-2, "-1"), (True, "true")])
def test_numbers_can_be_reckoned_with(value: float, text: str) -> None:
    script = "printf %s {inputs.x}" if value is True else "printf %s $(( {inputs.x} + 1 ))"
    assert said(script, value) == text


def test_doubled_braces_are_braces() -> None:
    assert said("x=1; printf %s ${{x}}{inputs.x}", "2") == "12"


@pytest.mark.parametrize(
    ("script", "value", "reason"),
    [
        ("cat <<'END'\n{inputs.x}\nEND", "v", "here-document whose end is quoted"),
        ("echo {inputs.x}", "a\0b", "NUL"),
        ("echo {inputs.x}", "x" * (VALUE_BYTES_MAX + 1), "give it as a file"),
    ],
)
def test_what_cannot_be_done_is_told(script: str, value: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rendered(script, lambda _, __: value)
