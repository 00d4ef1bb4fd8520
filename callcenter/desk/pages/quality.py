"""Quality: which conversations are to be evaluated, what was evaluated, and each agent's own."""

from __future__ import annotations

from datetime import timedelta

from flask import Response

from callcenter import evaluations, quality_coaching
from callcenter import quality_sampling as sampling
from callcenter.db import reading
from callcenter.desk import evaluation_forms as forms
from callcenter.desk import history, users
from callcenter.desk.permissions import SELF
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Visit
from callcenter.evaluations import seen_by_agent
from callcenter.quality import Sample, said
from callcenter.quality_tables import evaluations as table

link(52, "quality", "Quality", icon="check", needs=SELF, key="q")

WEEKS = 8
"""Weeks to choose from."""
MOST = 200
"""Conversations on a page."""
STATES = ("draft", "submitted", "disputed", "settled")


@page("/quality", needs=SELF)
def quality(visit: Visit) -> Response:
    """To what the role has."""
    if visit.may("quality.evaluate"):
        return visit.go("quality_sample")
    return visit.go("evaluation_list" if visit.may("quality.read") else "my_evaluations")


@page("/quality/mine", needs=SELF)
def my_evaluations(visit: Visit) -> Response:
    """What an agent sees of themselves."""
    found = evaluations.listed(visit.conn, *seen_by_agent(visit.user.id, visit.user.agent_id), limit=MOST)
    kept = {one.form_hash: evaluations.form_of(visit.conn, one.form_hash)[1] for one in found}
    titles = {hash: said(form.title, visit.words.language) for hash, form in kept.items()}
    return visit.render(
        "quality_mine.html", found=found, titles=titles, people=forms.people(visit.conn),
        coaching=quality_coaching.listed(visit.conn, user_id=visit.user.id, limit=MOST), today=today(visit),
    )  # fmt: skip


@page("/quality/evaluations", needs="quality.read")
def evaluation_list(visit: Visit) -> Response:
    status = next((one for one in STATES if one == visit.arg("status", 10)), "")
    conditions = [table.c.status == status] if status else []
    agent = visit.arg("agent", 64)
    if agent:
        conditions.append(table.c.agent == agent)
    found = [
        one for one in evaluations.listed(visit.conn, *conditions, limit=MOST)
        if one.status != "draft" or (visit.may("quality.evaluate") and not one.of(visit.user.id, visit.user.agent_id))
    ]  # fmt: skip
    return visit.render(
        "quality_evaluations.html", found=found, status=status, states=STATES, agent=agent, most=MOST,
        people=forms.people(visit.conn), names=users.names(visit.conn),
    )  # fmt: skip


@page("/quality/sample", needs="quality.evaluate", transaction="own")
def quality_sample(visit: Visit) -> Response:
    """What is to be evaluated of a week: drawn for this supervisor or for all, or what stands out."""
    file = forms.file(visit)
    configured = history.config(visit.desk.flows)
    zone = visit.words.zone
    week = sampling.week(visit.arg("week", 10), visit.now, zone)
    usual = "me" if visit.user.role == "supervisor" else "all"
    only = next((one for one in ("me", "all", *sampling.STANDING_OUT) if one == visit.arg("only", 20)), usual)
    with reading(visit.desk.engine) as conn:
        talks = sampling.talks(conn, week)
        judges = {id: user.agent_id for id, user in forms.evaluators(conn).items()}
        fitting = [talk for talk in talks if file and sampling.form_for(file, talk)]
        drawn = sampling.drawn(fitting, week, (file.sample if file else Sample()).per_agent)
        falls_to = {(talk.contact_id, talk.agent): sampling.assigned(talk, week, judges) for talk in drawn}
        match only:
            case "all":
                chosen = drawn
            case "me":
                chosen = [talk for talk in drawn if falls_to[talk.contact_id, talk.agent] in (visit.user.id, None)]
            case _:
                chosen = [talk for talk in fitting if only in talk.stands_out]
        known = evaluations.of_contacts(conn, [talk.contact_id for talk in chosen])
        people = forms.people(conn)
    return visit.render(
        "quality_sample.html", file=file, week=week, only=only, talks=chosen[:MOST], cut=len(chosen) > MOST,
        known=known, falls_to=falls_to, people=people, own=visit.user.agent_id, over=week.end <= visit.now,
        weeks=[sampling.week_of(visit.now - timedelta(days=7 * back), zone) for back in range(WEEKS)],
        kinds=sampling.STANDING_OUT, counted=len(fitting),
        open=sum((talk.contact_id, talk.agent) not in known or known[talk.contact_id, talk.agent].status == "draft"
                 for talk in chosen),
        queue=lambda name: history.label("queue", name, configured, visit.words),
        agent=lambda name: history.label("agent", name, configured, visit.words),
    )  # fmt: skip


def today(visit: Visit) -> object:
    """The company's day."""
    return visit.now.astimezone(visit.words.zone).date()
