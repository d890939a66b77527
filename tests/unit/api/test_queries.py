"""What a query string may say of metrics, and how names are written."""

import unicodedata

import pytest
from pydantic import ValidationError

from api.queries import JobsQuery
from spec.job import JobSpec


@pytest.mark.parametrize(
    "number", ["0.5", ".5", "5.", "+1", "-0", "1E-5", "1e-300", repr(2.0**0.5 / 1e7), repr(0.1 + 0.2)]
)
def test_a_bound_is_a_number_as_programs_write_it(number: str) -> None:
    asked = JobsQuery(min=(f"val_loss:{number}",))
    assert asked.filter.least == {"val_loss": float(number)}


@pytest.mark.parametrize("number", ["", ".", "e5", "nan", "inf", "1e999", "0x1", "1 ", "1_0"])
def test_what_is_no_finite_number_is_no_bound(number: str) -> None:
    with pytest.raises(ValidationError, match="must be metric:number"):
        JobsQuery(max=(f"val_loss:{number}",))


def test_letters_with_marks_are_one_letter_in_names_tags_and_queries() -> None:
    apart, whole = (unicodedata.normalize(form, "Café") for form in ("NFD", "NFC"))
    spec = JobSpec.model_validate({"dataset": "iris", "name": apart, "tags": {"at": apart}})
    assert (spec.name, spec.tags) == (whole, {"at": whole})
    asked = JobsQuery(name=apart, search=apart, tag=(f"at:{apart}",)).filter
    assert (asked.name, asked.name_part, asked.tags) == (whole, whole, {"at": whole})


def test_a_name_is_as_long_as_it_is_stored() -> None:
    """Some letters are two when they are composed: what was stored could not be read again."""
    grows, shrinks = "\u0958", "e\u0301"
    with pytest.raises(ValidationError, match="at most 200 characters"):
        JobSpec.model_validate({"dataset": "iris", "name": grows * 150})
    spec = JobSpec.model_validate({"dataset": "iris", "name": grows * 100, "tags": {"at": shrinks * 500}})
    assert JobSpec.stored(spec.model_dump(mode="json")) == spec
    assert [len(text) for text in (spec.name or "", spec.tags["at"])] == [200, 500]
