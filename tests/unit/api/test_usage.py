import pytest
from pydantic import ValidationError

from api.usage import UsageQuery


@pytest.mark.parametrize("until", ["0001-01-02T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_before_the_calendar_is_refused_by_its_field(until: str) -> None:
    with pytest.raises(ValidationError, match="must be a later day"):
        UsageQuery.model_validate({"until": until})
