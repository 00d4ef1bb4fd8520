"""Which article answers somebody's words, and when none does: with the demo's articles and words that are in none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.actions import specs
from ivr.flow.knowledge.articles import Article, FrontMatter
from ivr.flow.knowledge.finder import Finder
from ivr.flow.knowledge.library import for_the_record
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.flow.problems import Mark
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.yaml_source import Node
from tests.flow.knowledge.support import DEPOSIT, METER, company

ROOT = Path(__file__).parents[3]
DAY = dt.date(2026, 11, 23)
CONFIRM, ACCEPT = 0.4, 0.75


@pytest.fixture(scope="module")
def demo() -> FlowSet:
    return read_folders(ROOT / "flows", ROOT / "prompts", specs())[0]


@pytest.mark.parametrize(
    ("language", "words", "article"),
    [
        ("en", "how can I read the meter", "meter_reading"),
        ("en", "what numbers of my meter should I tell you", "meter_reading"),
        ("en", "how do I read my metter", "meter_reading"),
        ("en", "is there a way to pay automatically", "direct_debit"),
        ("en", "could you just debit my bank account each month", "direct_debit"),
        ("en", "please mail me the invoice electronically", "paperless"),
        ("en", "I want to stop getting paper", "paperless"),
        ("en", "when will the deposit be paid back to me", "deposit"),
        ("en", "I need longer to pay, can I do installments", "payment_plan"),
        ("en", "tap water is brown and smells", "water_quality"),
        ("es", "cómo se lee el medidor", "meter_reading"),
        ("es", "quiero que me cobren automático del banco", "direct_debit"),
        ("es", "me pueden devolver la fianza", "deposit"),
    ],
)
def test_a_question_in_other_words(demo: FlowSet, language: str, words: str, article: str) -> None:
    found = demo.knowledge.find(words, language, DAY)
    assert found[0].article.name == article
    assert found[0].sure >= CONFIRM
    assert found[0].nearest in (found[0].article.title, *found[0].article.about.questions)
    assert all(0 <= value <= 1 for one in found for value in (one.sure, one.like, one.covers))
    assert [one.sure for one in found] == sorted((one.sure for one in found), reverse=True)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        *(
            ("en", words)
            for words in (
                "what is the weather like", "do you sell phones", "who is your CEO", "can I get a job at your company",
                "my neighbour plays loud music", "do you install solar panels", "how do I charge my electric car",
                "there is a gas smell", "thank you very much", "is my dog allowed in the office", "where can I park",
                "what is the account number of the mayor", "can you recommend a plumber", "yes", "no", "agent", "",
                "???", "\N{GRINNING FACE}", "7",
            )
        ),
        *(("es", words) for words in ("qué tiempo hace", "venden paneles solares", "dónde me estaciono", "sí")),
    ],
)  # fmt: skip
def test_what_no_article_answers(demo: FlowSet, language: str, words: str) -> None:
    assert all(one.sure < CONFIRM for one in demo.knowledge.find(words, language, DAY))


def test_every_question_in_a_file_finds_its_article(demo: FlowSet) -> None:
    for article in demo.knowledge:
        for asked in (article.title, *article.about.questions):
            found = demo.knowledge.find(asked, article.language, DAY)[0]
            assert (found.article.name, found.sure >= ACCEPT) == (article.name, True), asked


def test_the_question_in_a_mail_among_other_sentences(demo: FlowSet) -> None:
    mail = (
        "Dear Riverbend,\n\nI hope you are well. We had lovely weather at the lake. I closed my account in May and I am"
        " still waiting for my deposit. Could you tell me when I will get it?\n\nKind regards,\nDana"
    )
    found = demo.knowledge.find(mail, "en", DAY)[0]
    assert (found.article.name, found.sure >= ACCEPT) == ("deposit", True)


def test_a_text_of_an_article_is_found_by_its_words(demo: FlowSet) -> None:
    assert demo.knowledge.find("plumber", "en", DAY)[0].article.name == "high_bill"


def test_only_articles_that_hold_that_fit_the_tags_and_the_queues(tmp_path: Path) -> None:
    june = METER.replace("tags: [meters]", "tags: [meters]\nfrom: 2026-06-01\nuntil: 2026-06-30")
    knowledge = company(tmp_path, {"en/meter.md": june, "en/deposit.md": DEPOSIT})[0].knowledge

    def names(words: str, day: dt.date, tags: Sequence[str] = (), queues: Sequence[str] = ()) -> list[str]:
        found = knowledge.find(words, "en", day, tags=tags, queues=queues)
        return [one.article.name for one in found if one.sure >= CONFIRM]

    asked = "how do I read my meter"
    assert names(asked, dt.date(2026, 5, 31)) == []
    assert names(asked, dt.date(2026, 6, 1)) == ["meter"]
    assert names(asked, dt.date(2026, 6, 30)) == ["meter"]
    assert names(asked, dt.date(2026, 7, 1)) == []
    june_day = dt.date(2026, 6, 15)
    assert names(asked, june_day, tags=["billing"]) == []
    assert names(asked, june_day, tags=["billing", "meters"]) == ["meter"]
    assert names("deposit refund", june_day, queues=["sales"]) == []
    assert names("deposit refund", june_day, queues=["billing"]) == ["deposit"]
    assert names(asked, june_day, queues=["sales"]) == ["meter"]  # for all queues


def test_a_language_without_articles_has_none_and_a_country_has_its_language_s(tmp_path: Path) -> None:
    knowledge = company(tmp_path, {"en/meter.md": METER})[0].knowledge
    assert knowledge.find("how do I read my meter", "es", DAY) == []
    assert knowledge.find("how do I read my meter", "en-GB", DAY)[0].article.name == "meter"
    assert knowledge.get("meter", "es") is None


def test_flows_without_articles_know_nothing(tmp_path: Path) -> None:
    assert company(tmp_path, {})[0].knowledge.find("how do I read my meter", "en", DAY) == []


def test_among_hundreds_that_are_much_alike_the_right_one_is_found() -> None:
    things = [
        f"{first}{second}" for first in ("wal", "tor", "mik", "san", "del", "fru") for second in ("vo", "ka", "ri")
    ]
    articles = [
        Article(
            f"{one}_{other}",
            "en",
            FrontMatter(title=f"The {one} of the {other}", questions=[f"where is my {other}'s {one}"], answer="x"),
            "",
            "",
            Node({}, Mark("")),
        )
        for one in things
        for other in things
    ]
    finder = Finder(articles, lexicon("en"))
    assert finder.find("i am looking for the torka of a delvo")[0].article.name == "torka_delvo"


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("how do I read my meter?", "how do I read my meter?"),
        ("my account is 1020 3040, why?", "my account is •••, why?"),
        ("write to dana@example.com  please", "write to ••• please"),
        ("call me on +1 (555) 123-4567", "call me on +•••"),
        ("four two four two four two four two four two four two four two four two", "•••"),
        ("in 3 days for $50", "in 3 days for $50"),
    ],
)
def test_a_question_is_kept_without_what_nobody_may_read(words: str, kept: str) -> None:
    assert for_the_record(words, "en") == kept


def test_a_long_question_is_cut() -> None:
    assert len(for_the_record("why " * 500, "en")) == 200


def test_a_long_question_is_not_looked_at_whole() -> None:
    """Its words are a stranger's: to find no address in a megabyte without blanks took hours."""
    assert len(for_the_record("0" * 1_000_000, "en")) <= 200
    assert len(for_the_record("no-address" * 100_000, "en")) <= 200
