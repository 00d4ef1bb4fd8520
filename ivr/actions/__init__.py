"""Actions: what a flow may ask the world to do. One file per action in this package; each registers itself.

An action runs in a worker thread with a time budget. It returns the exit that the flow goes on with and JSON data,
or raises: then the flow takes the exit `failed`. Packages of others add actions by the entry point group
`callwright.actions` (a module to import).
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy.engine import Engine

from ivr.flow import secret as flow_secret
from ivr.flow.model import Company
from ivr.flow.spec import ActionSpec, Argument
from ivr.settings import Settings

logger = logging.getLogger(__name__)

FAILED = "failed"
"""The exit that every action has besides its own."""

Secret = Annotated[SecretStr, Field(json_schema_extra={"secret": True})]
"""The type of an argument that takes a secret slot: masked in every repr; `.get_secret_value()` reads it."""


class Args(BaseModel):
    """Base of an action's arguments. Errors never quote the input: it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an action may use.

    `now` is in the company's time zone. `idempotency_key` is the same when this very attempt is repeated.
    `files` are the parsed data files beside the flows by stem, such as `business_hours`. `deadline` is in
    `time.monotonic()` seconds. `text` gives a prompt's text by its id, in the caller's language ("" where there is
    none).
    """

    engine: Engine
    now: datetime
    contact_id: str
    session_id: str
    idempotency_key: str
    company: Company
    files: Mapping[str, Any]
    deadline: float
    settings: Settings = field(repr=False)
    text: Callable[[str], str] = field(default=lambda id: "", repr=False)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The exit taken and the values for the flow: JSON only, never a secret."""

    exit: str
    data: dict[str, Any] = field(default_factory=dict)


class ActionError(Exception):
    """The action failed for a reason that may be logged and shown; it holds no secret. The exit is `failed`."""


class Action(ABC):
    """One action. `exits` are besides `failed`; `returns` names the data and its kind (text, number, money, date,
    time, digits, boolean, any); `budget` is the seconds that it may take while the caller hears a filler."""

    name: ClassVar[str]
    Args: ClassVar[type[BaseModel]] = Args
    exits: ClassVar[tuple[str, ...]]
    returns: ClassVar[dict[str, str]] = {}
    budget: ClassVar[float] = 10.0
    changes_world: ClassVar[bool] = False
    """Whether it does what can't be undone by going back (a payment)."""
    says: ClassVar[tuple[str, ...]] = ()
    """Prompts that it writes to customers after the call, where the catalogue has them."""

    @abstractmethod
    def run(self, context: ActionContext, args: Any) -> ActionResult:
        """Do it. `args` is an instance of `Args`. Any exception means the exit `failed`."""

    def repeated(self, context: ActionContext) -> ActionResult | None:
        """The result of an earlier run with the same idempotency key, if there was one. Asked before the arguments
        are looked at: after a crash the secret ones are gone."""
        return None


_registry: dict[str, type[Action]] = {}


def action(cls: type[Action]) -> type[Action]:
    """Register an action. Raises ValueError when its name is taken."""
    known = _registry.get(cls.name)
    if known is not None and known is not cls:
        raise ValueError(f"two actions are called {cls.name!r}: {known.__module__} and {cls.__module__}")
    _registry[cls.name] = cls
    return cls


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg and not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    for entry in entry_points(group="callwright.actions"):
        try:
            entry.load()
        except Exception:  # one broken add-on doesn't take the phone line down
            logger.exception("the actions of %s can't be imported", entry.value)


def actions() -> dict[str, type[Action]]:
    """Every action by name."""
    _import_all()
    return dict(sorted(_registry.items()))


def specs() -> dict[str, ActionSpec]:
    """What flows need to know of every action."""
    return {name: _spec(cls) for name, cls in actions().items()}


def _spec(cls: type[Action]) -> ActionSpec:
    secret = secret_arguments(cls)
    return ActionSpec(
        name=cls.name,
        arguments={
            info.alias or name: Argument(required=info.is_required(), secret=name in secret)
            for name, info in cls.Args.model_fields.items()
        },
        exits=cls.exits,
        returns=cls.returns,
        budget=cls.budget,
        changes_world=cls.changes_world,
        says=cls.says,
        summary=(cls.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " "),
    )


def secret_arguments(cls: type[Action]) -> frozenset[str]:
    """The names of the arguments that are secret."""
    secret = set()
    for name, info in cls.Args.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and extra.get("secret"):
            secret.add(name)
    return frozenset(secret)


def perform(name: str, context: ActionContext, arguments: Mapping[str, Any]) -> ActionResult:
    """Check the arguments and run the action. Never raises: whatever goes wrong is the exit `failed` with
    `data["error"]`, and is logged, both without the value of any secret argument."""
    cls = actions().get(name)
    if cls is None:
        return ActionResult(FAILED, {"error": f"there is no action {name!r}"})
    hidden = [
        value.reveal() if isinstance(value, flow_secret.Secret) else str(value)
        for key, value in arguments.items()
        if value and (isinstance(value, flow_secret.Secret) or key in secret_arguments(cls))
    ]
    plain = {
        key: value.reveal() if isinstance(value, flow_secret.Secret) else value for key, value in arguments.items()
    }
    try:
        result = cls().repeated(context) or cls().run(context, cls.Args.model_validate(plain))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return ActionResult(FAILED, {"error": _mask(wrong, hidden)})
    except ActionError as error:
        logger.warning("%s failed: %s (contact %s)", name, _mask(str(error), hidden), context.contact_id)
        return ActionResult(FAILED, {"error": _mask(str(error), hidden)})
    except Exception as error:
        # The traceback goes through the mask: an exception's words may quote what it choked on.
        trace = _mask("".join(traceback.format_exception(error)), hidden)
        logger.error("%s failed (contact %s)\n%s", name, context.contact_id, trace)
        return ActionResult(FAILED, {"error": type(error).__name__})
    if result.exit not in (*cls.exits, FAILED):
        logger.error("%s took the exit %r that it doesn't declare", name, result.exit)
        return ActionResult(FAILED, {"error": f"undeclared exit {result.exit!r}"})
    return result


def _mask(text: str, hidden: Iterable[str]) -> str:
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, "•" * 4)
    return text
