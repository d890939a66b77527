"""The words of the spec reference."""

from spec.reference import reference


def test_of_a_list_the_plural_stands_before_the_bounds() -> None:
    page = reference()
    assert "list of 3 whole numbers (at least 1, at most " in page
    assert "list of 2 numbers or" in page
