"""`docs/type_errors.md` says who finds which type error, and enough are found before anything runs."""

import pytest

from tests.spec.type_errors import FINDERS, MISSED, PAGE, counts, found_by, rows

TABLE = list(rows(PAGE.read_text(encoding="utf-8")))
AT_LEAST = {"mypy": 48, "pyright": 45, "check": 50}


@pytest.mark.parametrize("finder", FINDERS)
def test_the_table_says_what_is_found_and_sound_programs_have_no_error(
    finder: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = FINDERS.index(finder)
    told = {row.file: row.found[at] for row in TABLE if row.found[at] != MISSED}
    assert found_by(finder, TABLE, tmp_path_factory.mktemp("errors")) == told
    assert len(told) >= AT_LEAST[finder]


def test_there_are_fifty_and_the_page_counts_them() -> None:
    assert [row.number for row in TABLE] == list(range(1, 51))
    assert counts(TABLE) in PAGE.read_text(encoding="utf-8").splitlines()


def test_each_error_is_another_line() -> None:
    assert len({(row.program, row.wrong) for row in TABLE}) == len(TABLE)
