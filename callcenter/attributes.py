"""Free attributes of a customer, typed by a schema that an admin writes.

attributes:
  postcode: {type: text, label: Postcode, max_length: 10}
  tier: {type: choice, values: [basic, gold]}
  credit_limit: {type: money}
  since: {type: date}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

NAME = r"^[a-z][a-z0-9_]{0,39}$"
MAX_TEXT = 1000


class AttributeProblem(ValueError):
    """What is wrong with a schema or with values: one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Type(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    type: str
    label: str = ""

    def check(self, value: Any) -> Any:
        """The value as it is stored. Raises pydantic's ValidationError."""
        return _ADAPTERS[self.type].validate_python(value)


class Text(_Type):
    type: Literal["text"]
    max_length: int = Field(200, ge=1, le=MAX_TEXT)

    def check(self, value: Any) -> str:
        text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=self.max_length)]
        return str(TypeAdapter(text).validate_python(value))


class Choice(_Type):
    type: Literal["choice"]
    values: tuple[str, ...] = Field(min_length=1)

    def check(self, value: Any) -> str:
        if value not in self.values:
            raise ValueError(f"is one of {', '.join(self.values)}")
        return str(value)


class Date(_Type):
    """`YYYY-MM-DD`, stored as written."""

    type: Literal["date"]

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("is a date as YYYY-MM-DD")
        try:
            return dt.date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError("is a date as YYYY-MM-DD") from None


class Simple(_Type):
    """`money` is an integer in minor units."""

    type: Literal["integer", "number", "boolean", "money"]


_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "integer": TypeAdapter(Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]),
    "money": TypeAdapter(Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]),
    "number": TypeAdapter(Annotated[StrictInt | StrictFloat, Field(allow_inf_nan=False)]),
    "boolean": TypeAdapter(StrictBool),
}


class Schema(BaseModel):
    """What attributes there are. An empty schema allows none."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    attributes: dict[
        Annotated[str, StringConstraints(pattern=NAME)],
        Annotated[Text | Choice | Date | Simple, Field(discriminator="type")],
    ] = Field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | None) -> Schema:
        """The schema in a file's data. Raises `AttributeProblem`."""
        try:
            return cls.model_validate(data or {})
        except ValidationError as error:
            raise AttributeProblem(_lines(error)) from None

    def validate_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are stored; `None` stays, and means that the attribute is taken away. Raises
        `AttributeProblem` for an unknown name or a value of another type: nothing is converted."""
        checked: dict[str, Any] = {}
        problems: list[str] = []
        for name, value in values.items():
            kind = self.attributes.get(name)
            if kind is None:
                problems.append(f"{name}: there is no such attribute")
            elif value is None:
                checked[name] = None
            else:
                try:
                    checked[name] = kind.check(value)
                except ValidationError as error:
                    problems += [f"{name}: {line}" for line in _lines(error)]
                except ValueError as error:
                    problems.append(f"{name}: {error}")
        if problems:
            raise AttributeProblem(problems)
        return checked


NONE = Schema()


def _lines(error: ValidationError) -> list[str]:
    return [
        ": ".join(part for part in (".".join(map(str, item["loc"])), item["msg"]) if part) for item in error.errors()
    ]
