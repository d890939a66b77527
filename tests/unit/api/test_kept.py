from api.kept import Kept


def test_the_values_that_were_asked_for_last_are_kept() -> None:
    kept = Kept[str, int](2)
    assert kept.find("a") is None
    assert (kept.keep("a", 1), kept.keep("b", 2)) == (1, 2)
    assert kept.find("a") == 1
    kept.keep("c", 3)
    assert [kept.find(key) for key in "abc"] == [1, None, 3]
