"""Who answers the actions and transfers of a simulated call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from ivr.flow.effects import RunAction, Transfer
from ivr.flow.inputs import ActionDone, TransferEnded
from ivr.flow.session import Session

Answer = tuple[ActionDone, float]
"""What an action came to, and how many seconds it took."""
ActionRunner = Callable[[RunAction, Session, dt.datetime], Answer]
TransferRunner = Callable[[Transfer], TransferEnded]
