from pathlib import Path

import pytest

from benchmarks.tables import NoSectionError, replace_section, table, times


def test_a_section_is_replaced_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\nb\n<!-- b: end -->\n")
    replace_section(page, "a", r"new \1")
    assert page.read_text() == (
        "above\n<!-- a: begin -->\nnew \\1\n<!-- a: end -->\n<!-- b: begin -->\nb\n<!-- b: end -->\n"
    )


def test_a_page_without_the_section_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(NoSectionError, match="a: begin"):
        replace_section(page, "a", "new")
    assert page.read_text() == "nothing here"


def test_a_table_has_a_rule_under_its_header() -> None:
    assert table(["", "s"], [["ours", "1"]]) == "|  | s |\n| --- | ---: |\n| ours | 1 |"


def test_a_ratio_is_as_precise_as_it_is_measured() -> None:
    assert [times(ratio) for ratio in (84.4, 9.24, 1.618, float("nan"))] == ["84x", "9.2x", "1.62x", "-"]
