"""How long will it take? An open formula, with an interval.

Whoever is at position p waits until p contacts more have been finished by the n agents of the queue. With handling
times of mean m and squared coefficient of variation c, that many endings take

    mean      w = p' · m / n                       p' = 1 + (p - 1) · (1 - a)
    variance  v = c' · w² / p'  +  c · w² / k      c' = c + (1 - c) · n / (n + p')

where a is the share that gave up lately, and k the number of handling times that m was measured from (the second term
is the doubt about m itself). The endings of many agents together come at random, however regular each agent's are, so
that for the next few endings c' is nearly 1; over many of them the regularity shows, and c' nears c.

The wait is taken as gamma distributed with that mean and variance: exact for exponential handling times (Erlang). The
interval is the middle `share` of it. Until k is large, m is drawn towards the configured handling time, which counts
as PRIOR observations with c = 1.

An agent who serves several queues counts for each by the share of those who wait there (`staffing`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from callcenter.acd.model import Agent, Estimate

PRIOR = 5
SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Staff:
    """A queue's agents and what their contacts take: `agents` may be broken, `cv2` is the squared coefficient of
    variation, `measured` the observations counted, `at` when this was so. `free` are agents with nothing to do."""

    agents: float
    mean: float
    cv2: float
    measured: int
    at: float
    free: int = 0
    gave_up: float = 0.0


def estimate(position: int, staff: Staff, share: float = SHARE) -> Estimate | None:
    """The wait of whoever is at `position` (from 1); `None` while no agent serves the queue."""
    found = _moments(position, staff)
    if found is None:
        return None
    mean, variance = found
    tail = (1 - share) / 2
    return Estimate(mean, gamma_quantile(mean, variance, tail), gamma_quantile(mean, variance, 1 - tail), share)


def level(position: int, staff: Staff, seconds: float) -> float:
    """The chance of waiting no longer than `seconds`; 0 while nobody serves the queue."""
    found = _moments(position, staff)
    if found is None:
        return 0.0
    return gamma_share(*found, seconds)


def _moments(position: int, staff: Staff) -> tuple[float, float] | None:
    if staff.agents <= 0:
        return None
    ahead = position - staff.free
    if ahead <= 0:
        return 1.0, 1.0  # a free agent is being asked
    endings = 1 + (ahead - 1) * (1 - min(max(staff.gave_up, 0.0), 0.9))
    mean = endings * staff.mean / staff.agents
    together = staff.cv2 + (1 - staff.cv2) * staff.agents / (staff.agents + endings)
    return mean, mean * mean * (together / endings + staff.cv2 / max(staff.measured, 1))


def handling(seconds: Sequence[float], usual: float) -> tuple[float, float, int]:
    """(mean, squared coefficient of variation, observations) of handling times, `usual` counted as PRIOR of them."""
    count = len(seconds) + PRIOR
    mean = (sum(seconds) + PRIOR * usual) / count
    spread = sum((value - mean) ** 2 for value in seconds) + PRIOR * ((usual - mean) ** 2 + usual * usual)
    return mean, min(max(spread / count / (mean * mean), 0.05), 4.0) if mean > 0 else 1.0, count


def staffing(
    agents: Iterable[Agent], waiting: Mapping[str, int], queues: Mapping[str, frozenset[str]]
) -> dict[str, float]:
    """How many agents each queue has. `queues` gives each queue's groups. An agent of several queues is divided among
    them as those who wait are, each queue counted with one more."""
    found = dict.fromkeys(queues, 0.0)
    served = by_group(queues)
    for agent in agents:
        if agent.presence != "available" and not agent.load:
            continue
        own = queues_of(agent, served)
        total = sum(waiting.get(name, 0) + 1 for name in own)
        for name in own:
            found[name] += (waiting.get(name, 0) + 1) / total
    return found


def by_group(queues: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """`queues` the other way round: the queues that each group may come to serve."""
    found: dict[str, list[str]] = {}
    for name, groups in queues.items():
        for group in groups:
            found.setdefault(group, []).append(name)
    return found


def queues_of(agent: Agent, served: Mapping[str, Sequence[str]]) -> set[str]:
    """The queues that an agent may come to serve; `served` is `by_group`'s."""
    return {name for group in agent.groups for name in served.get(group, ())}


def gamma_quantile(mean: float, variance: float, probability: float) -> float:
    """A quantile of the gamma distribution, by Wilson and Hilferty's cube (Proc. N. A. S. 17, 1931): within 2 % of the
    mean from shape 1 on."""
    if mean <= 0 or variance <= 0:
        return max(mean, 0.0)
    shape = mean * mean / variance
    cube = 1 - 1 / (9 * shape) + NormalDist().inv_cdf(probability) / (3 * math.sqrt(shape))
    return mean * max(cube, 0.0) ** 3


def gamma_share(mean: float, variance: float, value: float) -> float:
    """The gamma distribution's share up to `value`, by the same cube."""
    if mean <= 0:
        return 1.0
    if value <= 0:
        return 0.0
    shape = mean * mean / variance
    cube = (value / mean) ** (1 / 3)
    return NormalDist().cdf((cube - 1 + 1 / (9 * shape)) * 3 * math.sqrt(shape))
