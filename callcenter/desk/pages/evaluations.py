"""Evaluating a conversation, beside its recordings and what was written; the agent's reply, the settlement."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import Forbidden, NotFound

from callcenter import contacts, evaluations, quality, quality_calibration
from callcenter import quality_sampling as sampling
from callcenter.db import reading
from callcenter.desk import evaluation_forms as forms
from callcenter.desk import users
from callcenter.desk.evaluation_forms import SPARE
from callcenter.desk.permissions import SELF
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit
from callcenter.evaluations import LONGEST, LONGEST_COMMENT, MOST_COMMENTS, Evaluation, Impossible
from callcenter.quality import Form, WrongAnswers, said


@page("/contacts/<contact_id>/evaluate", needs="quality.evaluate", transaction="own")
def evaluate(visit: Visit, contact_id: str) -> Response:
    """Whose part of a contact, and by which form."""
    file = forms.file(visit)
    with reading(visit.desk.engine) as conn:
        contact = contacts.get(conn, contact_id)
        if contact is None:
            raise NotFound
        talks = sampling.of_contact(conn, contact_id)
        known = evaluations.of_contacts(conn, [contact_id])
        names = users.names(conn)
    usual = {talk.agent: sampling.form_for(file, talk) for talk in talks} if file else {}
    return visit.render(
        "evaluate.html", contact=contact, talks=talks, known=known, names=names, said=_said(visit),
        forms=file.forms if file else {}, usual={agent: one[0] for agent, one in usual.items() if one},
    )  # fmt: skip


@page("/contacts/<contact_id>/evaluate", needs="quality.evaluate", method="POST", transaction="own")
def begin_evaluation(visit: Visit, contact_id: str) -> Response:
    name, form = forms.chosen(visit)
    with visit.desk.engine.begin() as conn:
        talk = forms.talk(visit, conn, contact_id)
        try:
            evaluation_id = evaluations.start(
                conn, contact_id=contact_id, agent=talk.agent, queue=talk.queue, form_name=name,
                form=form, evaluator_id=visit.user.id, at=visit.now,
            )  # fmt: skip
        except Impossible as error:
            raise forms.refused(visit, error) from None
        visit.log("evaluation.begun", f"evaluation:{evaluation_id}", contact=contact_id, agent=talk.agent)
        visit.write(conn)
    return visit.go("evaluation", evaluation_id=evaluation_id)


@page("/quality/evaluations/<evaluation_id>", needs=SELF, transaction="write")
def evaluation(visit: Visit, evaluation_id: str) -> Response:
    found = forms.found(visit, evaluation_id)
    contact = contacts.get(visit.conn, found.contact_id)
    visit.look("evaluation.viewed", f"evaluation:{found.id}", contact=found.contact_id, agent=found.agent)
    visit.look("contact.viewed", f"contact:{found.contact_id}")
    own = found.of(visit.user.id, visit.user.agent_id)
    if own and found.seen_at is None:
        evaluations.seen(visit.conn, found, visit.now)
    settles = found.status == "disputed" and visit.may("quality.evaluate") and not own
    draft = found.status == "draft" and found.evaluator_id == visit.user.id
    _, form = evaluations.form_of(visit.conn, found.form_hash)
    return visit.render(
        "evaluation.html", evaluation=found, form=form, own=own, settles=settles, draft=draft, edits=draft or settles,
        discards=found.status == "draft" and visit.may("quality.evaluate"), people=forms.people(visit.conn),
        rows=[*found.comments, *[None] * min(SPARE, MOST_COMMENTS - len(found.comments))] if draft else found.comments,
        replies=own and found.status == "submitted" and found.replied_at is None, said=_said(visit),
        longest=LONGEST, longest_comment=LONGEST_COMMENT, longest_text=quality.LONGEST_TEXT,
        failed=quality.score(form, found.answers).failed, **forms.conversation(visit, contact),
    )  # fmt: skip


@page("/quality/evaluations/<evaluation_id>", needs="quality.evaluate", method="POST")
def save_evaluation(visit: Visit, evaluation_id: str) -> Response:
    """`do` is save, submit or discard."""
    found = forms.for_change(visit, evaluation_id)
    _, form = evaluations.form_of(visit.conn, found.form_hash)
    do = visit.form("do", 10)
    try:
        if do == "discard":
            evaluations.discard(visit.conn, found)
            visit.log("evaluation.discarded", f"evaluation:{found.id}", contact=found.contact_id)
            return visit.go("quality", said=visit.t("The draft is gone."))
        if found.calibration_id and quality_calibration.get(visit.conn, found.calibration_id).closed_at:
            raise Impossible("it is closed")
        if found.evaluator_id != visit.user.id:
            raise Refused(visit.t("Somebody else evaluates this conversation already."))
        kept: dict[str, Any] = {"comments": forms.comments(visit), "summary": forms.text(visit, "summary")}
        if do == "submit":
            return _submit(visit, found, form, kept)
        evaluations.save(visit.conn, found, answers=forms.answers(visit, form, complete=False), **kept)
    except Impossible as error:
        raise forms.refused(visit, error) from None
    except WrongAnswers as error:
        raise Refused(_missing(visit, form, error)) from None
    visit.log("evaluation.saved", f"evaluation:{found.id}", contact=found.contact_id)
    return visit.go("evaluation", evaluation_id=found.id, said=visit.t("The draft is kept."))


def _submit(visit: Visit, found: Evaluation, form: Form, kept: dict[str, Any]) -> Response:
    try:
        answers = forms.answers(visit, form, complete=True)
    except WrongAnswers as error:  # nothing that was written is lost for it
        evaluations.save(visit.conn, found, answers=forms.answers(visit, form, complete=False), **kept)
        return visit.go("evaluation", evaluation_id=found.id, fault=_missing(visit, form, error))
    score = evaluations.submit(visit.conn, found, answers=answers, at=visit.now, **kept)
    visit.log(
        "evaluation.submitted", f"evaluation:{found.id}", contact=found.contact_id, agent=found.agent, score=score
    )
    if found.calibration_id is not None:
        return visit.go("calibration", calibration_id=found.calibration_id, said=visit.t("Your evaluation is kept."))
    _tell(visit, f"agent:{found.agent}", found)
    return visit.go("evaluation", evaluation_id=found.id, said=visit.t("The agent can see it now."))


@page("/quality/evaluations/<evaluation_id>/reply", needs=SELF, method="POST")
def reply_to_evaluation(visit: Visit, evaluation_id: str) -> Response:
    """`do` is agree or disagree."""
    found = forms.for_change(visit, evaluation_id)
    if not found.of(visit.user.id, visit.user.agent_id):
        raise Forbidden(visit.t("Only the agent replies."))
    disagrees = visit.form("do", 10) == "disagree"
    words = forms.text(visit, "text", needed=visit.t("Write what you have to say.") if disagrees else "")
    try:
        evaluations.reply(visit.conn, found, words, disagrees=disagrees, at=visit.now)
    except Impossible as error:
        raise forms.refused(visit, error) from None
    visit.log("evaluation.disputed" if disagrees else "evaluation.replied", f"evaluation:{found.id}")
    evaluator = next((user for user in users.listed(visit.conn) if user.id == found.evaluator_id), None)
    if evaluator is not None:
        _tell(visit, evaluator.by, found)
    return visit.go("evaluation", evaluation_id=found.id, said=visit.t("Your reply is kept."))


@page("/quality/evaluations/<evaluation_id>/settle", needs="quality.evaluate", method="POST")
def settle_evaluation(visit: Visit, evaluation_id: str) -> Response:
    found = forms.for_change(visit, evaluation_id)
    _, form = evaluations.form_of(visit.conn, found.form_hash)
    words = forms.text(visit, "text", needed=visit.t("Say why it stays, or what was corrected."))
    try:
        answers = forms.answers(visit, form, complete=True)
        score = evaluations.settle(visit.conn, found, words, answers=answers, by=visit.user.id, at=visit.now)
    except Impossible as error:
        raise forms.refused(visit, error) from None
    except WrongAnswers as error:
        raise Refused(_missing(visit, form, error)) from None
    visit.log("evaluation.settled", f"evaluation:{found.id}", agent=found.agent, before=found.score, score=score)
    _tell(visit, f"agent:{found.agent}", found)
    return visit.go("evaluation", evaluation_id=found.id, said=visit.t("It is settled."))


def _missing(visit: Visit, form: Form, error: WrongAnswers) -> str:
    questions = dict(form.questions())
    asked = " · ".join(said(questions[name].ask, visit.words.language) for name in error.questions)
    return visit.t("Not answered yet: %(questions)s", questions=asked)


def _said(visit: Visit) -> Any:
    return lambda text: said(text, visit.words.language)


def _tell(visit: Visit, topic: str, found: Evaluation) -> None:
    visit.after.append(lambda: visit.desk.messaging.publish(topic, "evaluation", {"id": found.id}))
