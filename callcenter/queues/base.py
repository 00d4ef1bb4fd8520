"""What the parts of `Queues` share: the client, the configuration, the clock, the scripts."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from callcenter.acd.config import Config, Queue
from callcenter.acd.model import Estimate
from callcenter.queues.redis_hash import Hash, as_hash, text
from callcenter.queues.scripts.forgetting import FORGET
from callcenter.queues.scripts.prelude import PRELUDE

MAX_PRIORITY = 100
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `kept`: a call whose process hasn't said for so long that it holds the leg is lost. `connect`: from an
    agent's acceptance to the bridge. `dial`: how long the process that dials a callback may be silent. `claim`: a
    callback that no process begins to dial for so long is offered again."""

    kept: float = 20.0
    connect: float = 30.0
    dial: float = 30.0
    claim: float = 15.0


class UnknownQueue(LookupError):
    """There is no queue of this name in queues.yaml."""


class UnknownAgent(LookupError):
    """There is no agent of this name in agents.yaml."""


class NoSuchOffer(LookupError):
    """The store has no such offer, or has it no longer."""


class CodeRequired(ValueError):
    """The queue wants one of its wrap-up codes."""


class Hours(Protocol):
    """Opening hours by the name of their file."""

    def is_open(self, name: str, at: float) -> bool: ...

    def next_open(self, name: str, at: float) -> float | None:
        """The next moment from `at` on when it is open, `at` itself if it is; `None` if that can't be said."""

    def end_of_day(self, at: float, days: int) -> float:
        """When the day ends, on the company's clock, that is so many days after the day of `at`."""


class AlwaysOpen:
    """Of a company whose clock is UTC."""

    def is_open(self, name: str, at: float) -> bool:
        return True

    def next_open(self, name: str, at: float) -> float | None:
        return at

    def end_of_day(self, at: float, days: int) -> float:
        return (at // DAY + days + 1) * DAY


class Base:
    """`config` may be replaced at any time by a newer one. Every method raises `redis.RedisError` when the store can't
    be reached; what was asked for may have happened then, and may be asked for again."""

    def __init__(
        self,
        client: redis.Redis,
        config: Config,
        clock: Callable[[], float] = time.time,
        *,
        hours: Hours | None = None,
        region: str = "",
        timing: Timing = Timing(),
    ) -> None:
        self.client = client
        self.config = config
        self.clock = clock
        self.hours: Hours = hours or AlwaysOpen()
        self.region = region
        self.dial_countries: frozenset[str] = frozenset()
        self.timing = timing
        self._scripts: dict[str, Script] = {}

    def now(self) -> str:
        return f"{self.clock():.6f}"

    def run(self, script: str, *arguments: object, key: str = "cw:journal") -> Any:
        """Run a script; its answer as text, or a list of text."""
        answer = self._script(script)(keys=[key], args=[str(argument) for argument in arguments])
        return [text(item) for item in answer] if isinstance(answer, list) else text(answer)

    def run_all(self, script: str, calls: Sequence[Sequence[str]]) -> list[list[str]]:
        """Run a script that gives a list, once for each of these arguments, in one round trip."""
        known = self._script(script)
        answers = self._evaluate(known, calls)
        missing = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if missing:  # a server that has been started since
            self.client.script_load(known.script)
            again = self._evaluate(known, [calls[number] for number in missing])
            for number, answer in zip(missing, again, strict=True):
                answers[number] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [[text(item) for item in answer] for answer in answers]

    def _evaluate(self, script: Script, calls: Sequence[Sequence[str]]) -> list[Any]:
        """Answers, or errors in their place. A pipeline's own way with scripts asks first whether the server has them,
        which takes as long as the call."""
        with self.client.pipeline(transaction=False) as pipeline:
            for arguments in calls:
                pipeline.evalsha(script.sha, 1, "cw:journal", *arguments)
            found: list[Any] = pipeline.execute(raise_on_error=False)
            return found

    def _script(self, script: str) -> Script:
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self.client.register_script(PRELUDE + script)
        return known

    def read(self, key: str) -> Hash:
        return as_hash(self.client.hgetall(key))

    def queue(self, name: str) -> Queue:
        """Raises `UnknownQueue`."""
        found = self.config.queues.get(name)
        if found is None:
            raise UnknownQueue(f"there is no queue {name!r}; there are {', '.join(self.config.queues) or 'none'}")
        return found

    def wrap_up(self, queue: str, medium: str) -> tuple[float, str]:
        """Seconds of wrap-up and whether a code is required, as scripts take them."""
        found = self.config.queues.get(queue)
        return (found.wrap_up.seconds, "1" if found.wrap_up.required else "") if found else (0.0, "")

    def epoch(self) -> str:
        """The name of the store's data, which changes when all of it was lost."""
        found = self.client.get("cw:epoch")
        if found is None:
            self.client.set("cw:epoch", uuid.uuid4().hex, nx=True)
            found = self.client.get("cw:epoch")
        return text(found)

    def forget(self, epoch: str) -> None:
        """Drop the data of that name, all of it; what has another one stays."""
        self.run(FORGET, epoch)


def estimate_json(estimate: Estimate) -> str:
    return json.dumps({"seconds": round(estimate.seconds, 1), "low": round(estimate.low, 1),
                       "high": round(estimate.high, 1), "share": estimate.share})  # fmt: skip
