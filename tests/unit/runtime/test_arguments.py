"""The command line of `flytelike-execute`."""

import pytest

from flytelike.runtime.arguments import ArgumentsError, Invocation, parse

FULL = (
    "--inputs /i/inputs.pb --output-prefix /o --raw-output-data-prefix /r --checkpoint-path /c "
    "--prev-checkpoint /p --code sha256:00 -- module a.b task t"
)
WHOLE = Invocation("/i/inputs.pb", "/o", "a.b", "t", "/r", "/c", "/p", "sha256:00")


@pytest.mark.parametrize(
    "line",
    [
        FULL,
        FULL.replace("--code sha256:00 ", "").replace("--inputs", "--code=sha256:00 --inputs"),
        (
            "--code sha256:00 --prev-checkpoint=/p --checkpoint-path=/c --raw-output-data-prefix=/r "
            "--output-prefix=/o --inputs=/i/inputs.pb -- task t module a.b"
        ),
    ],
)
def test_order_and_form_do_not_matter(line: str) -> None:
    assert parse(line.split()) == WHOLE


def test_what_may_be_left_out() -> None:
    assert parse(["--inputs", "/i", "--output-prefix", "/o", "--", "module", "m", "task", "t"]) == Invocation(
        "/i", "/o", "m", "t"
    )


def test_no_previous_checkpoint_is_written_as_two_quotes() -> None:
    """Flyte renders the template so on a first attempt."""
    args = ["--inputs", "i", "--output-prefix", "o", "--prev-checkpoint", '""', "--", "module", "m", "task", "t"]
    assert parse(args).previous_checkpoint_prefix == ""


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("", ["--inputs is missing", "--output-prefix is missing", "module is missing", "task is missing"]),
        ("--inputs /i --output-prefix /o -- module m task", ["task has no value", "task is missing"]),
        ("--inputs /i --output-prefix /o --what x -- module m task t", ["'--what'", "'x'"]),
    ],
)
def test_all_faults_are_told_at_once(line: str, texts: list[str]) -> None:
    with pytest.raises(ArgumentsError) as caught:
        parse(line.split())
    for text in texts:
        assert text in str(caught.value)
