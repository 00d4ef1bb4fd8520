"""What is said of alerts, on the floor page and to those who are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from babel.numbers import format_percent

from callcenter.alerts import Held, Watched
from callcenter.desk.words import Words

_CONDITIONS: dict[str, Callable[[Words, str], str]] = {
    "longest_wait": lambda t, limit: t("somebody has waited longer than %(limit)s", limit=limit),
    "waiting": lambda t, limit: t("%(limit)s or more wait", limit=limit) if limit != "1" else t("somebody waits"),
    "service_level": lambda t, limit: t("today's service level is below %(limit)s", limit=limit),
    "agents": lambda t, limit: (
        t("fewer agents than %(limit)s are available", limit=limit) if limit != "1" else t("no agent is available")
    ),
    "callbacks_overdue": lambda t, limit: t("a callback is overdue by more than %(limit)s", limit=limit),
}


def sentence(t: Words, limits: Mapping[str, float]) -> str:
    """What holds, without figures that change by the second: nobody wants to hear a list read out all the time."""
    return ", ".join(_CONDITIONS[name](t, _limit(t, name, limit)) for name, limit in limits.items())


def message(t: Words, company: str, held: Held | None, alert: str, queue: str, over: bool) -> tuple[str, str]:
    """The subject and the text of a notice (`callcenter.alerting.Say`)."""
    if held is None or over:
        subject = t("%(company)s, %(queue)s: it is over (%(alert)s)", company=company, queue=queue, alert=alert)
        return subject, subject
    said = sentence(t, held.limits)
    subject = t("%(company)s, %(queue)s: %(what)s", company=company, queue=held.queue.label, what=said)
    lines = [subject, "", *_figures(t, held.queue), "", t("This is the alert %(alert)s.", alert=alert)]
    return subject, "\n".join(lines)


def _figures(t: Words, queue: Watched) -> list[str]:
    """The queue as it is now, a line each."""
    level = _percent(t, queue.level) if queue.level is not None else "–"
    return [
        f"{t('Waiting')}: {queue.waiting}",
        f"{t('Longest wait')}: {_duration(t, queue.longest)}",
        f"{t('Service level')}: {level}",
        f"{t('Available agents')}: {queue.agents}",
        f"{t('Overdue callback')}: {_duration(t, queue.overdue)}",
    ]


def _limit(t: Words, name: str, limit: float) -> str:
    if name in ("longest_wait", "callbacks_overdue"):
        return t.seconds(limit)
    return _percent(t, limit) if name == "service_level" else f"{limit:g}"


def _duration(t: Words, seconds: float | None) -> str:
    return "–" if seconds is None else t.seconds(seconds)


def _percent(t: Words, share: float) -> str:
    return format_percent(share, locale=t.locale)
