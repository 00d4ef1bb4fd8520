"""What an admin writes in `agents.yaml`. Reference: docs/queues.md."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from callcenter.acd.fields import Model, Name, Seconds, Skills, duration


class PhoneAccount(Model):
    """A telephone that registers with us."""

    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")]
    password_env: str | None = Field(None, description="the environment variable that holds the password")
    password_hash: str | None = Field(None, description="MD5 or SHA-256 of user:realm:password")

    @model_validator(mode="after")
    def _one(self) -> PhoneAccount:
        if (self.password_env is None) == (self.password_hash is None):
            raise ValueError("give either password_env or password_hash")
        return self


def _phone(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"desk|sips?:[^\s@]+(@\S+)?|\+[1-9]\d{4,14}", value):
        raise ValueError("a phone is desk, sip:USER@HOST, a number as +12025550143, or an account with `user`")
    return value


Phone = Annotated[
    Annotated[str, BeforeValidator(_phone), Tag("phone")] | Annotated[PhoneAccount, Tag("phone_account")],
    Discriminator(lambda value: "phone_account" if isinstance(value, dict | PhoneAccount) else "phone"),
]


class Penalties(Model):
    """How long an agent is offered nothing after an offer that came to nothing."""

    reject_delay: Annotated[float, BeforeValidator(duration), Field(ge=1)] = 10
    busy_delay: Annotated[float, BeforeValidator(duration), Field(ge=1)] = 30
    no_answer_delay: Annotated[float, BeforeValidator(duration), Field(ge=1)] = 30
    no_answers_until_unavailable: int = Field(3, ge=1)

    def delay(self, why: str) -> float:
        """Seconds after an offer that ended for this reason."""
        named = {"rejected": self.reject_delay, "no_answer": self.no_answer_delay, "expired": self.no_answer_delay}
        return named.get(why, self.busy_delay)


class Agent(Model):
    """One agent, as configured."""

    name: str = ""
    skills: Skills = Field(default_factory=dict)
    queues: list[Name] = Field(default_factory=list)
    groups: list[Name] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list, description="empty: every language")
    phone: Phone = "desk"
    capacity: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    interrupts: dict[Name, list[Name]] = Field(default_factory=dict)
    penalties: Penalties | None = None

    @property
    def device(self) -> str:
        """The phone in one word: `desk`, a SIP address, a number, or `user:NAME` for one registered with us."""
        return self.phone if isinstance(self.phone, str) else f"user:{self.phone.user}"


class AgentsFile(Model):
    """agents.yaml. What an agent leaves out is as here."""

    reasons: list[Name] = Field(default_factory=lambda: ["break", "lunch", "meeting", "training"])
    capacity: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    interrupts: dict[Name, list[Name]] = Field(default_factory=dict)
    penalties: Penalties = Penalties()
    logout_after: Seconds = Field(90, description="an agent whose desk is silent for so long is signed out")
    agents: dict[Name, Agent] = Field(default_factory=dict)
