import pytest

from spec.p_values import p_text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0123, "0.012"), (0.0496, "0.0496"), (0.04996, "0.04996"), (0.05, "0.05"), (0.0501, "0.05"), (1.0, "1")],
)
def test_a_p_value_below_the_limit_is_not_rounded_up_to_it(p: float, text: str) -> None:
    assert p_text(p) == text
