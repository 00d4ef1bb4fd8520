"""The kinds of values in `queues.yaml` and `agents.yaml`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def duration(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|h)?", value.strip())
        if not found:
            raise ValueError("is not a duration; write seconds, minutes or hours: 20s, 2m, 1h")
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[found[2]]
    return value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Seconds = Annotated[float, BeforeValidator(duration), Field(ge=0, le=7 * 86_400)]
Level = Annotated[int, Field(ge=1, le=10)]
Skills = Annotated[dict[Name, Level], Field(description="skill: the least level, 1 to 10")]
Percent = Annotated[float, Field(gt=0, le=100)]
Priority = Annotated[int, Field(ge=0, le=100)]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z]{2})?$")]
"""A country (DE), or a part of one (US-CA): see `callcenter.regions`."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
