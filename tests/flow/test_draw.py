"""Drawings: every step and every way out is there, and Graphviz takes it, whatever the words are."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from ivr.flow.draw import Counts, draw, svg
from tests.flow import sample

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> str:
    root = ElementTree.fromstring(picture)
    assert root.tag == f"{SVG}svg"
    return "\n".join("".join(node.itertext()).strip() for node in root.iter(f"{SVG}text")).replace("\xa0", " ")


def test_one_flow(tmp_path: Path) -> None:
    shown = texts(svg(sample.usable(tmp_path), ["main"]))
    for words in (
        "welcome  (say)",
        "Welcome to {company}.",
        "choose  (menu)",
        "1: pay a bill",
        "bye  (hang up)",
        "paid",
    ):
        assert words in shown
    assert "no input" not in shown  # leads to a person by default


def test_all_flows(tmp_path: Path) -> None:
    flows = sample.usable(tmp_path)
    shown = texts(svg(flows, ["main", "bill", "helpdesk"]))
    for flow in flows.flows.values():
        for step in flow.steps:
            assert f"{step}  (" in shown
    assert "return: paid" in shown
    assert '"main.pay" -> "bill.account"' in draw(flows, ["main", "bill"])


def test_awkward_words(tmp_path: Path) -> None:
    awkward = 'Say "hello" \\n &lt;b>& {company} \U0001f600 ' + "x" * 200
    english = sample.PROMPTS.replace('"Welcome to {company}."', repr(awkward))
    flows = sample.usable(tmp_path, {"prompts/en/main.yaml": english})
    assert 'Say "hello"' in texts(svg(flows, ["main"]))


def test_counts_are_written_into_it(tmp_path: Path) -> None:
    counts = Counts({"welcome": 1234, "choose": 1200}, {("welcome", "done"): 1199, ("choose", "1"): 7}, {"welcome": 34})
    shown = texts(svg(sample.usable(tmp_path), ["main"], counts))
    for words in ("1,234 came, 34 left here", "1,200 came", "done (1,199)", "(7)", "0 came"):
        assert words in shown
