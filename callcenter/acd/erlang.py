"""How many agents a load needs: Erlang C, Erlang A, and the fewest agents that keep a target.

Both formulas take contacts that come at random (Poisson) at one steady rate, equal agents, exponential handling times
and one line served in order. Erlang C (A. K. Erlang, 1917) has everybody wait until they are served: with as many
erlangs as agents or more it has no steady state. Erlang A (C. Palm, 1957; O. Garnett, A. Mandelbaum, M. Reiman,
"Designing a Call Center with Impatient Customers", M&SOM 4, 2002) lets each give up after an exponential patience, and
has always one.

With n agents, contacts at rate l, handling at rate m each, giving up at rate t each, x = n·m/t and y = l/t, the wait
that somebody of endless patience would be offered has at v > 0 the density, in units of the chance of n - 1 in the
system,

    l · exp(l · (1 - exp(-t·v)) / t - n·m·v)

(S. Zeltyn, A. Mandelbaum, "Call Centers with Impatient Customers: Many-Server Asymptotics of the M/M/n+G Queue", 2005,
section 3). Its integrals are incomplete gamma functions of y, which `_series` sums: all terms are positive, and sums of
any size are kept as logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = 20_000
"""Agents; whoever asks for more has mistyped something."""


@dataclass(frozen=True, slots=True)
class Service:
    """What contacts meet. `waits` is the chance of having to wait at all, `mean_wait` in seconds (infinite where the
    line grows without end; with impatience it counts those who give up too), `level` the share of all contacts that
    are answered within the seconds asked for, `occupancy` the share of their time that agents handle contacts,
    `gives_up` the share that leaves unserved."""

    waits: float
    mean_wait: float
    level: float
    occupancy: float
    gives_up: float = 0.0


def erlangs(per_hour: float, handling: float) -> float:
    """The offered load: the contacts that are in progress at any time if nobody has to wait; `handling` in seconds."""
    return per_hour / 3600 * handling


def erlang_b(agents: int, load: float) -> float:
    """The chance that all `agents` are busy if nobody may wait; `load` in erlangs. By the recursion over the agents,
    which neither overflows nor loses digits."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(agents: int, load: float) -> float:
    """The chance of having to wait; 1 from as many erlangs as agents on."""
    if load >= agents:
        return 1.0 if load > 0 else 0.0
    blocked = erlang_b(agents, load)
    return blocked / (1 - load / agents * (1 - blocked))


def service(agents: int, per_hour: float, handling: float, within: float, patience: float | None = None) -> Service:
    """What contacts meet that come `per_hour` and take `handling` seconds each, if `within` seconds are promised: by
    Erlang A with a mean `patience` in seconds, by Erlang C without. Raises ValueError for what can't be."""
    _check(per_hour, handling, within, patience)
    if agents < 0:
        raise ValueError("there can't be fewer than 0 agents")
    load = erlangs(per_hour, handling)
    if load == 0:
        return Service(0.0, 0.0, 1.0, 0.0)
    if patience is not None:
        return _impatient(agents, load, handling, within, patience)
    if load >= agents:
        return Service(1.0, math.inf, 0.0, 1.0)
    waits, free = erlang_c(agents, load), agents - load
    return Service(waits, waits * handling / free, 1 - waits * math.exp(-free * within / handling), load / agents)


def required(
    per_hour: float,
    handling: float,
    *,
    share: float,
    within: float,
    occupancy: float = 1.0,
    patience: float | None = None,
) -> int:
    """The fewest agents with whom a `share` (0 to 1) of the contacts is answered `within` seconds, and agents are busy
    for at most `occupancy` (0 to 1) of their time. Without contacts it is 0. Raises ValueError for what can't be, and
    for more than MOST."""
    _check(per_hour, handling, within, patience)
    if not 0 < share < 1:
        raise ValueError("the share that is answered in time lies between 0 and 1: nobody can promise it to all")
    if not 0 < occupancy <= 1:
        raise ValueError("the occupancy lies between 0 and 1")
    if erlangs(per_hour, handling) == 0:
        return 0

    def enough(agents: int) -> bool:
        found = service(agents, per_hour, handling, within, patience)
        return found.level >= share and found.occupancy <= occupancy

    low, high = 0, 1
    while not enough(high):
        low, high = high, high * 2
        if low >= MOST:
            raise ValueError(f"that takes more than {MOST} agents")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def scheduled(agents: float, shrinkage: float) -> int:
    """How many to schedule so that `agents` are there, if a share of the paid time (0 to 1: holidays, illness, breaks,
    training) is not spent serving. Raises ValueError for a share that isn't one."""
    if not 0 <= shrinkage < 1:
        raise ValueError("shrinkage is a share from 0 to less than 1")
    return math.ceil(agents / (1 - shrinkage) - 1e-9)


def _impatient(agents: int, load: float, handling: float, within: float, patience: float) -> Service:
    """Erlang A, for a load that isn't 0."""
    if agents == 0:  # all give up
        return Service(1.0, patience, 0.0, 0.0, 1.0)
    x, y = agents * patience / handling, load * patience / handling
    blocked = erlang_b(agents - 1, load)
    nobody = -math.log(blocked) if blocked > 0 else math.inf  # those who find an agent free
    kept = math.exp(-within / patience)  # of whoever waits so long, the share that is there still
    waiting = _integral(x, y, 1.0)
    served, late = _integral(x + 1, y, 1.0), _integral(x + 1, y, kept)
    whole = _log_sum(nobody, waiting)
    if math.isinf(whole):  # more agents than floating point can tell from always enough
        return Service(0.0, 0.0, 1.0, load / agents)

    def share(part: float) -> float:
        return math.exp(part - whole)

    waits = share(waiting)
    gives_up = max(0.0, waits - share(served))
    level = 1 - waits + max(0.0, share(served) - share(late))
    return Service(waits, gives_up * patience, min(1.0, level), min(1.0, load * (1 - gives_up) / agents), gives_up)


def _integral(x: float, y: float, to: float) -> float:
    """The logarithm of the integral of y · exp(y · (1 - u)) · u^(x - 1) over u from 0 to `to`, with `to` up to 1."""
    if to <= 0:
        return -math.inf
    return math.log(y) + x * math.log(to) + y * (1 - to) + _series(x, y * to)


def _series(x: float, z: float) -> float:
    """The logarithm of 1/x + z/(x·(x+1)) + z²/(x·(x+1)·(x+2)) + ...: the lower incomplete gamma function of x and z
    over z^x · exp(-z) (NIST DLMF 8.7.1)."""
    log, term, total, number = 0.0, 1 / x, 1 / x, 0
    while term > total * 1e-17 or z > x + number:
        number += 1
        term *= z / (x + number)
        total += term
        if total > 1e250:
            log, term, total = log + math.log(total), term / total, 1.0
    return log + math.log(total)


def _log_sum(one: float, two: float) -> float:
    """The logarithm of the sum of what these are the logarithms of."""
    most = max(one, two)
    return most if math.isinf(most) else most + math.log(math.exp(one - most) + math.exp(two - most))


def _check(per_hour: float, handling: float, within: float, patience: float | None) -> None:
    if not (0 <= per_hour < math.inf and 0 <= within < math.inf):
        raise ValueError("contacts an hour and seconds of waiting are numbers from 0 on")
    if not 0 < handling < math.inf:
        raise ValueError("the handling time is more than 0 seconds")
    if patience is not None and not 0 < patience < math.inf:
        raise ValueError("the patience is more than 0 seconds")
