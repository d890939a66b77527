"""What is said of a column is said of its values: a text that says that there is none is not one of them."""

from pathlib import Path

import pytest

from spec.schema import ColumnKind

from .reading import reading, refusal


def file_of(*cells: str) -> str:
    """A column of these cells, again and again, beside numbers to predict."""
    return "c,y\n" + "".join(f"{cells[row % len(cells)]},{row}.5\n" for row in range(60))


def notes(folder: Path, *cells: str) -> str:
    return " ".join(note for note in reading(file_of(*cells), folder).profile.notes if "'c'" in note)


def test_a_column_without_a_value_has_no_numbers_in_several_forms(tmp_path: Path) -> None:
    assert "numbers" not in notes(tmp_path, "-")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("-", "2020-01", "2020-02", "2021-07"), "each month: '2020-01' is 2020-01-01"),
        (("-", "2020Q1", "2020Q2", "2021Q3"), "each quarter: '2020Q1' is 2020-01-01"),
        (("2020Q1", "-", "2020Q2", "2021Q3"), "each quarter: '2020Q1' is 2020-01-01"),
        (("Jan-70", "Nov-26", "Dec-27"), "'Jan-70', a day or a year with a month: date_format=%b-%y"),
        (("-", "Nov-26", "Dec-26", "Jan-27"), "'Nov-26', a day or a year with a month: date_format=%b-%y"),
    ],
)
def test_the_example_is_a_date(tmp_path: Path, cells: tuple[str, ...], said: str) -> None:
    assert said in notes(tmp_path, *cells)


def test_seasons_with_gaps_are_words_as_those_without(tmp_path: Path) -> None:
    found = reading(file_of("-", "2010-11", "2011-12"), tmp_path).table.columns[0]
    assert (found.type, found.categories) == (ColumnKind.category, ("2010-11", "2011-12"))


def test_seasons_are_months_where_dates_are_asked_for(tmp_path: Path) -> None:
    found = reading(file_of("2010-11", "2011-12"), tmp_path, types={"c": "date"}).table.columns[0]
    assert found.type is ColumnKind.date


@pytest.mark.parametrize(("asked", "value"), [("boolean", "yes"), ("number", "3"), ("date", "2026-11-30")])
def test_a_refusal_names_no_gap(tmp_path: Path, asked: str, value: str) -> None:
    said = refusal(file_of("?", value, "maybe"), tmp_path, types={"c": asked})
    assert said.startswith(f"types says {asked} of column 'c', which has 'maybe'"), said
