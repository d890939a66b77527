"""What is read as it is written, and may be meant otherwise, is said."""

import io
from pathlib import Path

import pandas as pd
import pytest

from spec.dataset import Targets

from .reading import reading, table

ROWS = range(40)


def notes(folder: Path, columns: dict[str, list[object]], target: str = "y") -> list[str]:
    """The notes on a file of these columns; classes follow no column."""
    columns = {**columns} if "y" in columns else {**columns, "y": ["ab"[row * row % 7 % 2] for row in ROWS]}
    return reading(pd.DataFrame(columns).to_csv(index=False), folder, target=target).profile.notes


@pytest.mark.parametrize(
    "name", ["id", "ID", "CustomerId", "passenger_id", "RowNumber", "Serial No.", "zip", "PLZ", "index"]
)
def test_numbers_in_a_column_that_is_called_like_ids_are_a_note(tmp_path: Path, name: str) -> None:
    (note,) = notes(tmp_path, {name: [row * 37 % 101 + 10_000 for row in ROWS]})
    assert note == (
        f"Column '{name}' is read as a number: if it is an id or a code, leave it out, columns=-{name}, or say "
        f"types={name}=category."
    )


@pytest.mark.parametrize("name", ["paid", "humid", "zone", "number of rooms", "Piano", "heat index"])
def test_other_columns_of_whole_numbers_are_numbers(tmp_path: Path, name: str) -> None:
    assert notes(tmp_path, {name: [row * 37 % 101 for row in ROWS]}) == []
    assert notes(tmp_path, {"id": [row * 37 % 101 + 0.5 for row in ROWS]}) == []


@pytest.mark.parametrize("right", ["München", "it\u2019s", "Àlex", "Álava", "vis-à-vis", "Łódź", "5 €"])
def test_letters_that_were_read_in_a_wrong_encoding_are_a_note(tmp_path: Path, right: str) -> None:
    wrong = right.encode().decode("latin-1" if right in {"Álava", "Łódź"} else "cp1252")
    cells: list[object] = [["Oslo", wrong, "Rome", "Bern"][row % 4] for row in ROWS]
    (note,) = notes(tmp_path, {"city": cells})
    assert note.startswith("Letters were read in a wrong encoding, and saved so, in column 'city' (")
    assert f"which was {right!r}): save the file anew from its source, as UTF-8, or repair each text" in note
    assert reading(pd.DataFrame({"city": cells, "y": cells}).to_csv(index=False), tmp_path).table.target.labels


def test_names_of_columns_that_were_read_in_a_wrong_encoding_are_a_note(tmp_path: Path) -> None:
    (note,) = notes(tmp_path, {"größe": [row % 7 for row in ROWS], "grÃ¶ÃŸe": [row % 5 for row in ROWS]})
    assert "in column 'grÃ¶ÃŸe' ('grÃ¶ÃŸe', which was 'größe')" in note


def test_an_encoding_that_was_asked_for_may_be_the_fault(tmp_path: Path) -> None:
    content = "city,y\n" + "".join(f"{['Köln', 'Oslo', 'Rom'][row % 3]},{row * row % 7 % 2}\n" for row in ROWS)
    (note,) = reading(content, tmp_path, encoding="cp1252").profile.notes
    assert "'KÃ¶ln', which was 'Köln'): encoding=utf-8 may read it right" in note


@pytest.mark.parametrize("word", ["Zürich", "São Tomé", "ÅÄÖ", "Ã", "naïve", "Łódź", "€5", "Â", "北京"])
def test_letters_beyond_ascii_are_no_note(tmp_path: Path, word: str) -> None:
    assert notes(tmp_path, {"city": [["Oslo", word, "Rome"][row % 3] for row in ROWS]}) == []


STAND_INS: dict[str, tuple[list[object], str]] = {
    "-999": ([-999, 3, 5, 7], "Column 'a' begins at -999: if that stands for no value, na_values=-999 says so."),
    "-9": ([-9, 0, 1, 2], "Column 'a' begins at -9: if that stands for no value, na_values=-9 says so."),
    "999": ([999, 21, 30, 45], "Column 'a' ends at 999: if that stands for no value, na_values=999 says so."),
    "99": ([99, 1, 2, 3], "Column 'a' ends at 99: if that stands for no value, na_values=99 says so."),
    "-1": ([-1, 0, 1, 2], "Column 'a' begins at -1: if that stands for no value, na_values=-1 says so."),
    "-200": (
        [-200, -1.9, 13.2, 44.6],
        "Column 'a' begins at -200: if that stands for no value, na_values=-200 says so.",
    ),
    "99.99": ([99.99, 1.5, 2, 3], "Column 'a' ends at 99.99: if that stands for no value, na_values=99.99 says so."),
    "1e20": ([1e20, 1.5, 2, 3], "Column 'a' ends at 1e+20: if that stands for no value, na_values=1e+20 says so."),
}


@pytest.mark.parametrize("kind", STAND_INS)
def test_numbers_that_may_stand_for_no_value_are_a_note(tmp_path: Path, kind: str) -> None:
    values, said = STAND_INS[kind]
    cells: list[object] = [values[row % 4] for row in ROWS]
    assert said in notes(tmp_path, {"a": cells})
    buffer = io.BytesIO()
    pd.DataFrame({"a": cells, "y": ["ab"[row * row % 7 % 2] for row in ROWS]}).to_parquet(buffer)
    assert said in reading(buffer.getvalue(), tmp_path, name="f.parquet").profile.notes


@pytest.mark.parametrize(
    "values", [[-1, 0, 1, 1], [-2, -1, 0, 3], [0, 5, 0, 5], [0, 1, 2, 9], [-5, 5, 5, -5], [0, 0, 0, 0]]
)
def test_numbers_that_stand_for_themselves_are_no_note(tmp_path: Path, values: list[object]) -> None:
    assert not any("stands for no value" in note for note in notes(tmp_path, {"a": [values[row % 4] for row in ROWS]}))


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_rows_is_a_note(tmp_path: Path, first: int) -> None:
    cells: dict[str, list[object]] = {"a": [row + first for row in ROWS], "b": [row * row % 7 for row in ROWS]}
    assert "Column 'a' counts the rows: if it only names the rows, columns=-a leaves it out." in notes(tmp_path, cells)
    cells["a"][7] = 3
    assert not any("counts the rows" in note for note in notes(tmp_path, cells))


def test_a_column_of_names_is_a_note(tmp_path: Path) -> None:
    cells: dict[str, list[object]] = {"a": [f"N{row}" for row in ROWS], "b": [row * row % 7 for row in ROWS]}
    said = "Column 'a' has another word in each row: if it only names the rows, columns=-a leaves it out."
    assert said in notes(tmp_path, cells)


def test_merged_cells_are_a_note(tmp_path: Path) -> None:
    cells: list[object] = [{0: "north", 20: "south"}.get(row, "") for row in ROWS]
    said = (
        "Column 'a' has each of its words in one row, and none below: if cells were merged, write the word in each row."
    )
    assert said in notes(tmp_path, {"a": cells, "b": [row * row % 7 for row in ROWS]})


@pytest.mark.parametrize(
    ("words", "is_said"),
    [
        (["train", "train", "test"], True),
        (["Val", "Training", "TEST"], True),
        (["dev", "test"], False),
        (["train", "bus", "test"], False),
    ],
)
def test_the_parts_of_a_split_are_a_note(tmp_path: Path, words: list[str], is_said: bool) -> None:
    cells: dict[str, list[object]] = {
        "set": [words[row % len(words)] for row in ROWS],
        "b": [row * 37 % 101 for row in ROWS],
    }
    said = (
        f"Column 'set' has {', '.join(map(repr, sorted(set(words))))}, the parts of a split, and is read as a feature: "
        "split=set keeps each row in its part."
    )
    assert (said in notes(tmp_path, cells)) == is_said


def test_the_parts_of_a_split_that_is_named_are_no_note(tmp_path: Path) -> None:
    text = "set,b,y\n" + "".join(f"{['train', 'test'][row % 2]},{row * 37 % 101},{row * row % 7 % 2}\n" for row in ROWS)
    assert not any("parts of a split" in note for note in reading(text, tmp_path, split="set").profile.notes)


def test_a_date_that_may_stand_for_no_end_is_a_note(tmp_path: Path) -> None:
    days: list[object] = [f"2026-01-{row % 28 + 1:02}" if row % 8 else "9999-12-31" for row in ROWS]
    said = "Column 'a' ends at 9999-12-31: if that stands for no value, na_values=9999-12-31 says so."
    assert said in notes(tmp_path, {"a": days})
    text = pd.DataFrame({"a": days, "y": [row * row % 7 for row in ROWS]}).to_csv(index=False)
    found = reading(text, tmp_path, task=Targets.classes, na_values="9999-12-31")
    assert (found.table.columns[0].gaps, found.profile.notes) == (True, [])


@pytest.mark.parametrize("values", [[99, 98, 97, 60], [-9, -8, 0, 3], [999, 0.5, 800, 2], [-1, 0, 1, 1]])
def test_numbers_among_others_stand_for_themselves(tmp_path: Path, values: list[float]) -> None:
    assert not any("stands for no value" in note for note in notes(tmp_path, {"a": [values[row % 4] for row in ROWS]}))


def test_words_that_are_nearly_the_same_are_a_note(tmp_path: Path) -> None:
    for one, other in (("Male", "male"), ("New York", "new_york"), ("north", "North.")):
        (note,) = notes(tmp_path, {"a": [[one, other, "x"][row % 3] for row in ROWS]})
        pair = ", ".join(map(repr, sorted((one, other))))
        assert note == f"Column 'a' has {pair}, which are told apart. Are they one?"
    assert notes(tmp_path, {"a": [["A", "A-", "A+", "<5", ">5"][row % 5] for row in ROWS]}) == []


def test_classes_that_differ_in_a_point_are_a_note(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{row % 7},{['<=50K', '>50K', '<=50K.'][row % 3]}\n" for row in ROWS)
    assert (
        "Classes are told apart by blanks and points: '<=50K', '<=50K.' are two. Are they one?"
        in reading(text, tmp_path).profile.notes
    )


@pytest.mark.parametrize(
    ("far", "said"),
    [
        ([1800], "a value far from all others, 1800: if it is a mistake, correct the cell, or empty it."),
        ([-77.5], "a value far from all others, -77.5: if it is a mistake, correct the cell, or empty it."),
        ([18000, 17900], "2 values far from all others, such as 18000: if they are mistakes, correct the cells"),
        ([18000, -18000], None),  # it is the others that lie between
        ([12], None),
        ([40.0 + row for row in range(20)], None),  # they are no few
    ],
)
@pytest.mark.parametrize("target", [False, True])
def test_a_value_far_from_all_others_is_a_note(
    tmp_path: Path, far: list[float], said: str | None, target: bool
) -> None:
    rows = 400
    numbers = [*far, *(row * 37 % 41 / 7 for row in range(rows - len(far)))]
    columns: dict[str, list[object]] = {"a": [*numbers]}
    if target:
        columns = {"a": [row * 17 % 23 for row in range(rows)], "y": [*numbers]}
    else:
        columns["y"] = ["ab"[row * row % 7 % 2] for row in range(rows)]
    name = "y" if target else "a"
    found = [note for note in notes(tmp_path, columns) if "far from" in note]
    assert len(found) == (said is not None)
    assert said is None or found[0].startswith(f"Column '{name}' has {said}")


def test_a_rare_event_is_not_far_from_others(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "a": [float(row == 7) for row in range(400)],
        "y": ["ab"[row * row % 7 % 2] for row in range(400)],
    }
    assert notes(tmp_path, columns) == []


@pytest.mark.parametrize("word", ["Total", "TOTALS:", "Summe", "Grand Total", "\u5408\u8ba1"])
def test_a_last_row_of_totals_is_a_note(tmp_path: Path, word: str) -> None:
    text = "city,units,y\n" + "".join(f"c{row % 7},{row * 37 % 11},{row * 1.5}\n" for row in ROWS)
    assert reading(text, tmp_path).profile.notes == []
    (note,) = reading(f"{text}{word},777,9999.5\n", tmp_path).profile.notes
    assert note == f"The last row has '{word}' in column 'city': if it sums up the others, take it out."
    assert len(table(tmp_path)[0]) == 41


def test_a_total_beside_a_column_without_a_name_is_a_note(tmp_path: Path) -> None:
    rows = "Checking,,\n" + "".join(f",{row},{row}\n" for row in range(30)) + "TOTAL,435,435\n"  # of QuickBooks
    notes = reading(",a,y\n" + rows, tmp_path).profile.notes
    assert "The last row has 'TOTAL' in column 'Unnamed: 0': if it sums up the others, take it out." in notes


def test_a_last_row_with_a_word_of_many_rows_is_no_total(tmp_path: Path) -> None:
    rows = "".join(f"{['Average', 'Good', 'Poor'][row % 3]},{row * 37 % 11},{row * 1.5}\n" for row in range(40))
    assert reading(f"quality,units,y\n{rows}", tmp_path).profile.notes == []
