"""A small company for tests of the flow language: written to a folder, then changed a piece at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivr.flow.check import check
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.flow.problems import Problem
from ivr.flow.spec import ActionSpec, Argument

ACTIONS = {
    "find_bill": ActionSpec(
        "find_bill", {"account": Argument()}, ("found", "not_found"), {"balance": "money", "due_on": "date"}
    ),
    "charge": ActionSpec(
        "charge",
        {"amount": Argument(), "card": Argument(secret=True), "note": Argument(required=False)},
        ("approved", "declined"),
        {"confirmation": "digits"},
        changes_world=True,
    ),
}

COMPANY = """\
name: Sample
languages: [en, es]
person: helpdesk
"""
MAIN = """\
steps:
  welcome:
    say: main.welcome
    next: choose
  choose:
    menu: main.menu
    choices:
      - {key: 1, label: main.pay, words: [pay], go: pay}
      - {key: 2, label: main.bye, words: [bye], go: bye}
  pay:
    call: bill
    exits: {done: choose, paid: bye}
  bye:
    hang_up: main.bye
"""
BILL = """\
steps:
  account:
    ask: bill.account
    as: digits
    length: 4
    next: find
  find:
    action: find_bill
    with: {account: account}
    into: bill
    exits: {found: owes, not_found: return}
  owes:
    say: bill.owes
    next: card
  card:
    ask: bill.card
    as: card
    exits: {done: charge, unsupported: return}
  charge:
    action: charge
    with: {amount: bill.balance, card: card}
    exits: {approved: return paid, declined: card}
"""
HELPDESK = """\
steps:
  message:
    record: helpdesk.message
    exits: {done: thanks, empty: thanks, failed: thanks, unsupported: thanks}
  thanks:
    hang_up: helpdesk.thanks
"""
SYSTEM = """\
system:
  no_input: Nothing came.
  no_match: That is no choice.
  menu_choice: "To {label}, press {key}."
  confirm: "That was {answer}. Right?"
  "yes": "yes"
  "no": "no"
  star: star
  hash: pound
  fault: Something went wrong.
  sorry: Sorry. Goodbye.
  one_moment: One moment.
  queue_position: You are number {position}.
  queue_wait: It takes {low} to {high} minutes.
  queue_soon: It takes a minute.
  queue_say: Or say it.
  did_you_say: "Did you say {answer}?"
  did_you_want: "Do you want to {label}?"
  did_it_help: Did that help?
  is_it_about: "Is it about this: {title}?"
  try_again: Once more, then.
  keys_only: Use the keys.
  option_choice: "For {label}, press {key}."
  retry:
    digits: {too_short: Too short., too_long: Too long.}
    pin: {too_short: Too short., too_long: Too long.}
    money: {bad_amount: That is no amount., zero: It can't be zero.}
    date: {bad_date: There is no such date.}
    card: {wrong_length: That has the wrong length., check_digit: Check each digit.}
    expiry: {bad_month: That is no month., expired: That card has expired.}
    security_code: {wrong_length: That has the wrong length.}
    phone: {bad_number: That is no telephone number.}
  words: {"yes": "yes, sure", "no": "no, nope", person: "agent", back: "back", repeat: "repeat"}
"""
PROMPTS = """\
main: {welcome: "Welcome to {company}.", menu: "What is it?", pay: pay a bill, bye: Goodbye.}
bill:
  account: Your account number?
  owes: "You owe {bill.balance|money}."
  card: Your card number?
helpdesk: {message: Leave a message., thanks: Thank you.}
"""
FILES = {
    "flows/company.yaml": COMPANY,
    "flows/main.yaml": MAIN,
    "flows/bill.yaml": BILL,
    "flows/helpdesk.yaml": HELPDESK,
    **{f"prompts/{tongue}/{name}.yaml": text for tongue in ("en", "es") for name, text in
       (("system", SYSTEM), ("main", PROMPTS))},
}  # fmt: skip


def write(folder: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """The sample's files, some of them replaced (`None` removes one). Paths are `flows/...` and `prompts/...`."""
    for name, text in {**FILES, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text, encoding="utf-8")
    return folder


def flow_set(folder: Path, changes: Mapping[str, str | None] | None = None) -> tuple[FlowSet, list[Problem]]:
    """The sample read from a folder, with all problems, those of the check included."""
    write(folder, changes)
    flows, problems = read_folders(folder / "flows", folder / "prompts", ACTIONS)
    return flows, [*problems, *check(flows)]


def usable(folder: Path, changes: Mapping[str, str | None] | None = None) -> FlowSet:
    flows, problems = flow_set(folder, changes)
    assert not [problem for problem in problems if not problem.warning]
    return flows
