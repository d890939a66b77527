"""Base types of the contract: frozen models and strict numbers."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict
from pydantic_core import PydanticCustomError


class Frozen(BaseModel):
    """An immutable model without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Count = Annotated[int, Strict()]
"""An integer; `true`, `1.0` and `"1"` are rejected."""

Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number; `true` and `"0.1"` are rejected."""

Fraction = Annotated[Real, Field(ge=0.0, lt=1.0)]
"""A share in [0, 1)."""


def fault(path: str, message: str) -> PydanticCustomError:
    """The error of a rule between fields; `path` names the field to change."""
    return PydanticCustomError("rule", "{message}", {"path": path, "message": message})


def as_written(value: Any) -> str:
    """The value as in a spec file."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{name}: {as_written(part)}" for name, part in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(as_written(part) for part in value) + "]"
    return str(value)


def by_type(value: Any) -> Any:
    """The object `{type: name}` for a bare name; an object unchanged. Raises an error for anything else."""
    if isinstance(value, str):
        return {"type": value}
    if not isinstance(value, Mapping | BaseModel):
        raise PydanticCustomError("named", "must be a name, or an object with a type")
    return value


class Named(Frozen):
    """A choice with settings: a spec writes it as a name or as an object with a `type`."""

    type: str

    @classmethod
    def name(cls) -> str:
        """Its name in a spec."""
        return str(cls.model_fields["type"].default)

    def written(self) -> "str | Named":
        """Its form in a spec: the name when all settings are the defaults, else the object."""
        fields = type(self).model_fields.items()
        return self.type if all(getattr(self, name) == field.default for name, field in fields) else self


def one_of(kinds: Sequence[type[Named]]) -> Any:
    """The type of a field that holds one of `kinds`, chosen by `type` or by the name alone."""
    union: Any = Annotated[Union[tuple(kinds)], Field(discriminator="type")]  # noqa: UP007 - the kinds are a value
    names: Any = Literal[tuple(kind.name() for kind in kinds)]
    return Annotated[union, BeforeValidator(by_type, json_schema_input_type=names | union)]


def one_by_name(kinds: Sequence[type[Named]]) -> Any:
    """`one_of`, but written as the name alone where the settings are the defaults."""
    names: Any = Literal[tuple(kind.name() for kind in kinds)]
    union: Any = Union[tuple(kinds)]  # noqa: UP007 - the kinds are a value
    return Annotated[one_of(kinds), PlainSerializer(Named.written, return_type=names | union)]
