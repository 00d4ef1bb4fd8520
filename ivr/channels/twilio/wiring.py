"""Calls on Twilio put together. Who needs whom:

waiting <────────────────── calls <── paying <── routes, agent_routes
talks <── payment steps <───┘           │
  └─────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint

from callcenter.live import Live
from ivr.channels.twilio import agent_routes, routes
from ivr.channels.twilio.agents import Talks
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.fallback import Fallback
from ivr.channels.twilio.paying import Paying
from ivr.channels.twilio.payment_steps import PaymentSteps
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.reach import Reach
from ivr.channels.twilio.sip_host import sip_host
from ivr.channels.twilio.twiml import Fold
from ivr.channels.twilio.waiting import Waiting
from ivr.embedded import redis_url
from ivr.queueing import Queueing
from ivr.runner import Runner
from ivr.settings import Settings


class LazyTalks:
    """Gives `Talks` once there are queues, and credentials to call agents with. Raises ValueError that names a setting
    that is wrong."""

    def __init__(self, settings: Settings, runner: Runner, fold: Fold, queueing: Callable[[], Queueing | None]) -> None:
        sip_host(settings)  # what is wrong there is said at the start
        self._settings, self._runner, self._fold, self._queueing = settings, runner, fold, queueing
        self._made: Talks | None = None

    def __call__(self) -> Talks | None:
        if self._made is None and self._settings.twilio_account_sid and self._settings.twilio_auth_token:
            queueing = self._queueing()
            if queueing is not None:
                queues = queueing.queues
                reach, live = Reach(queues, self._settings), Live(redis_url(self._settings))
                payments = Payments(self._runner, queues.client, live.publish)
                self._made = Talks(queues, Api(self._settings), self._fold, reach, payments)
        return self._made


def blueprints(
    settings: Settings,
    runner: Runner,
    fold: Fold,
    fallback: Fallback,
    queueing: Callable[[], Queueing | None],
    waiting: Waiting,
) -> tuple[Blueprint, Blueprint]:
    """The routes of callers and of agents. `queueing` gives `None` while there are no queues. Raises ValueError for a
    setting that is wrong."""
    talks = LazyTalks(settings, runner, fold, queueing)
    steps = PaymentSteps(runner, fold.base_url, talks)
    calls = Calls(runner, fold, waiting, steps)
    paying = Paying(calls, talks, steps)
    return (
        routes.blueprint(settings, calls, fallback, paying),
        agent_routes.blueprint(settings, calls, talks, paying, fallback.give_up),
    )
