"""Articles' files: what is read, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.knowledge.support import DEPOSIT, METER, company, told

HEAD = "---\ntitle: A\nquestions: [one two, three four, five six]\n"
GOOD = f"{HEAD}answer: Yes.\n---\n"


def test_a_good_one(tmp_path: Path) -> None:
    flows, _ = company(tmp_path, {"en/meter.md": METER, "en/deposit.md": DEPOSIT})
    meter = flows.knowledge.get("meter", "en")
    assert meter is not None
    assert (meter.title, meter.answer, meter.about.tags) == (
        "Reading the meter",
        "Write down the black figures.",
        ["meters"],
    )
    assert meter.text == "The **red** figures are fractions."
    assert told(tmp_path, {"en/meter.md": METER, "en/deposit.md": DEPOSIT}) == []


def test_windows_files_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    assert told(tmp_path, {"en/meter.md": "\ufeff" + METER.replace("\n", "\r\n")}) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("en/a.md", "Just text\n", "en/a.md:1:1: an article begins with its front matter; begin with a line ---"),
        ("en/a.md", "---\ntitle: A\n", "en/a.md:1:1: the front matter has no end; write a second line ---"),
        ("en/a.md", f"{HEAD}---\n", "en/a.md:2:1: 'answer' is missing; add `answer:`"),
        ("en/a.md", f"{HEAD}answer: ''\n---\n", "en/a.md:4:1: 'answer': String should have at least 1 character"),
        ("en/a.md", f"{HEAD}answer: ' '\n---\n", "en/a.md:4:1: 'answer': is empty"),
        ("en/a.md", f"{HEAD}answers: Yes.\n---\n", "en/a.md:4:1: 'answers' is not known here; did you mean 'answer'?"),
        ("en/a.md", f"{HEAD}answer: {'x' * 601}\n---\n", "en/a.md:4:1: 'answer': String should have at most 600"),
        ("en/a.md", f"{HEAD}answer: Yes.\nfrom: 2026-13-01\n---\n", "en/a.md:5:1: 'from': "),
        ("en/a.md", f"{HEAD}answer: Yes.\nuntil: 0\n---\n", "en/a.md:5:1: 'until': is no day; write it as 2026-01-31"),
        (
            "en/a.md",
            f"{HEAD}answer: Yes.\nfrom: 2026-02-01\nuntil: 2026-01-01\n---\n",
            "`until` lies before `from`",
        ),
        ("en/a.md", f"{HEAD}answer: Yes: no\n---\n", "en/a.md:4:12: not valid YAML"),
        ("en/a.md", f"{HEAD}answer: &a Yes\n---\n", "en/a.md:4:9: anchors (&) and aliases (*) are not used here"),
        (
            "en/a.md",
            f"{HEAD}answer: Yes.\nqueues: [biling]\n---\n",
            "en/a.md:5:10: there is no queue 'biling'; did you mean 'billing'?",
        ),
        (
            "en/a.md",
            "---\ntitle: A\nanswer: Yes.\n---\n",
            "en/a.md:2:1: warning: the article has no questions; write 3 or more",
        ),
        ("a.md", GOOD, "a.md:1:1: an article stands in the folder of its language; move it: knowledge/en/NAME.md"),
        ("en/more/a.md", GOOD, "en/more/a.md:1:1: an article stands in the folder of its language"),
        ("en/A-b.md", GOOD, "en/A-b.md:1:1: an article can't be named 'A-b'"),
        ("en/a.txt", GOOD, "en/a.txt:1:1: warning: this is no article; an article is Markdown"),
        ("fr/a.md", GOOD, "fr/a.md:2:1: warning: 'fr' is not one of the company's languages"),
    ],
)
def test_a_mistake(tmp_path: Path, name: str, text: str, said: str) -> None:
    found = told(tmp_path, {name: text})
    assert any(said in one for one in found), found


def test_an_article_that_one_language_lacks(tmp_path: Path) -> None:
    found = told(tmp_path, {"en/meter.md": METER, "en/deposit.md": DEPOSIT, "es/meter.md": METER})
    assert found == [
        "en/deposit.md:2:1: warning: the article 'deposit' is missing in 'es'; add knowledge/es/deposit.md"
    ]


def test_the_same_question_in_two_articles(tmp_path: Path) -> None:
    other = DEPOSIT.replace("when do I get my deposit back", "How do I read my METER please")
    found = told(tmp_path, {"en/a.md": METER, "en/b.md": other})
    assert len(found) == 1
    assert "en/b.md:3:13: warning: the article 'a' has this question, too; let one article answer it" in found[0]


def test_articles_that_follow_each_other_may_have_the_same_question(tmp_path: Path) -> None:
    first = METER.replace("tags:", "until: 2026-06-30\ntags:")
    second = METER.replace("tags:", "from: 2026-07-01\ntags:")
    assert told(tmp_path, {"en/a.md": first, "en/b.md": second}) == []


def test_bytes_that_are_no_text_are_refused_at_their_line(tmp_path: Path) -> None:
    company(tmp_path, {"en/a.md": GOOD})
    path = tmp_path / "flows/knowledge/en/a.md"
    path.write_bytes(GOOD.encode() + b"\xff\n")
    from ivr.flow.knowledge.articles import read_articles

    _, (problem,) = read_articles(tmp_path / "flows")
    assert (problem.mark.line, problem.what) == (6, "the file is not UTF-8 text")


def test_another_text_is_another_version(tmp_path: Path) -> None:
    one = company(tmp_path / "one", {"en/meter.md": METER})[0].hash
    assert company(tmp_path / "two", {"en/meter.md": METER})[0].hash == one
    assert company(tmp_path / "three", {"en/meter.md": METER.replace("red", "green")})[0].hash != one
    assert company(tmp_path / "four", {"en/other.md": METER})[0].hash != one
