"""The desk: pages of agents and supervisors, which follow the topics that their tickets name."""

from __future__ import annotations

from typing import ClassVar

from ivr.live.endpoint import Endpoint, endpoint


@endpoint
class Desk(Endpoint):
    path: ClassVar[str] = "desk"
    purpose: ClassVar[str] = "desk"
