"""What every part of the contract shares: frozen models and numbers that mean what they say."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError


class Frozen(BaseModel):
    """A value: it cannot be changed, has no unknown fields and no NaN or infinity in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Count = Annotated[int, Strict()]
"""A whole number; `true`, `1.0` and `"1"` are refused."""

Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number; `true` and `"0.1"` are refused."""

Fraction = Annotated[Real, Field(ge=0.0, lt=1.0)]
"""A share in [0, 1)."""


def fault(path: str, message: str) -> PydanticCustomError:
    """An error of a rule between fields, pinned to the field whose change would mend it."""
    return PydanticCustomError("rule", "{message}", {"path": path, "message": message})


def by_type(value: Any) -> Any:
    """A kind that is written as its name only, as the object it stands for."""
    return {"type": value} if isinstance(value, str) else value


class Named(Frozen):
    """A kind with settings of its own, which a spec writes as its name or as an object."""

    type: str

    @classmethod
    def name(cls) -> str:
        """The name by which a spec chooses it."""
        return str(cls.model_fields["type"].default)

    def written(self) -> "str | Named":
        """How a spec writes it: as its name when its settings are the defaults."""
        fields = type(self).model_fields.items()
        return self.type if all(getattr(self, name) == field.default for name, field in fields) else self


def one_of(kinds: Sequence[type[Named]]) -> Any:
    """The type of a field that holds one of `kinds`, which its `type` or its name alone tells apart."""
    union: Any = Annotated[Union[tuple(kinds)], Field(discriminator="type")]  # noqa: UP007 - the kinds are a value
    names: Any = Literal[tuple(kind.name() for kind in kinds)]
    return Annotated[union, BeforeValidator(by_type, json_schema_input_type=names | union)]
