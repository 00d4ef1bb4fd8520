"""Each lint, on the sample company with one mistake put in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.problems import Problem
from tests.flow import sample


def problems(folder: Path, file: str, old: str, new: str, **more: str | None) -> list[Problem]:
    """The sample's problems with `old` replaced by `new` in one file."""
    assert old in sample.FILES[file], "the sample has changed"
    changed = {file: sample.FILES[file].replace(old, new, 1), **more}
    return sample.flow_set(folder, changed)[1]


def test_the_sample_is_well(tmp_path: Path) -> None:
    assert sample.flow_set(tmp_path)[1] == []


MAIN, BILL, COMPANY = "flows/main.yaml", "flows/bill.yaml", "flows/company.yaml"
EN, ES = "prompts/en/main.yaml", "prompts/es/main.yaml"
SAY = "    say: main.welcome\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "place", "words"),
    [
        (MAIN, "say:", "sya:", "unknown_verb", "3:5", "did you mean 'say'?"),
        (MAIN, "next: choose", "next: chose", "bad_target", "4:5", "did you mean 'choose'?"),
        (MAIN, "go: bye", "go: bey", "bad_target", "9:49", "did you mean 'bye'?"),
        (MAIN, "    next: choose\n", "", "no_target", "2:3", "exit done"),
        (MAIN, "paid: bye", "payed: bye", "bad_exit", "12:27", "did you mean 'paid'?"),
        (MAIN, "call: bill", "call: bil", "unknown_flow", "11:5", "did you mean 'bill'?"),
        (MAIN, "say: main.welcome", "say: main.welcom", "unknown_prompt", "3:5", "did you mean 'main.welcome'?"),
        (MAIN, "say: main.welcome", "say: pay", "word_or_prompt", "3:5", "if the prompt 'main.pay' is meant"),
        (MAIN, "say: main.welcome", "say: to_be_recorded", "word_or_prompt", "3:5", "looks like a prompt's id"),
        (MAIN, "say: main.welcome", "say: Hello {", "bad_template", "3:16", "without its partner"),
        (MAIN, "say: main.welcome", "say: Hello <brake/> you", "bad_markup", "3:16", "did you mean 'break'?"),
        (EN, "card: Your card number?", "card: 'Your <b>card</b>?'", "bad_markup", "5:15", "<b> can't be spoken"),
        (MAIN, "say: main.welcome", "say: 'Hello {nmae}'", "unknown_slot", "3:18", "nothing fills the slot 'nmae'"),
        (MAIN, "say: main.welcome", "say: 'You are {account}'", "unfilled", "3:5", "before it is filled"),
        (MAIN, "say: main.welcome", "language: fr", "unknown_language", "3:5", "languages"),
        (COMPANY, "person: helpdesk", "person: helpdesk\nvoicemail: leave", "unknown_flow", "4:1", "voicemail names"),
        (COMPANY, "person: helpdesk", "person: helpdesk\npayment: pay", "unknown_flow", "4:1", "payment names"),
        (EN, "main:", "emergency:\n  fire: A fire.\nmain:", "missing_translation", "2:9", "missing in 'es'"),
        (EN, "main:", "emergency:\n  fire: 'Hello {caller}'\nmain:", "announcement_values", "2:10", "without {braces}"),
        (MAIN, "key: 2", "key: 1", "equal_keys", "9:10", "stands for two choices"),
        (MAIN, "key: 2", "key: 0", "no_person", "9:10", "doesn't lead to a person"),
        (MAIN, "key: 2", "key: 12", "key_prefix", "9:10", "1 begins 12"),
        (MAIN, "key: 2", "key: '*'", "shadowed_key", "9:10", "hears the menu again"),
        (MAIN, "words: [bye]", "words: [Pay!]", "equal_words", "9:43", "two choices"),
        (MAIN, "  bye:\n", "  lost:\n    hang_up:\n  bye:\n", "unreachable_step", "13:3", "step 'lost'"),
        (MAIN, "next: choose", "next: welcome", "endless_loop", "2:3", "welcome"),
        (BILL, "as: digits", "as: digit", "unknown_answer", "4:5", "did you mean 'digits'?"),
        (BILL, "action: find_bill", "action: find_bil", "unknown_action", "8:5", "did you mean 'find_bill'?"),
        (BILL, "{account: account}", "{acount: account}", "unknown_argument", "9:12", "did you mean 'account'?"),
        (BILL, "{account: account}", "{}", "missing_argument", "9:5", "needs 'account'"),
        (BILL, "{account: account}", "{account: acount}", "unknown_slot", "9:21", "did you mean 'account'?"),
        (BILL, "{account: account}", "{account: account +}", "bad_expression", "9:2", "complete expression"),
        (BILL, "amount: bill.balance", "amount: bill.balence", "unknown_slot", "21:20", "did you mean 'balance'?"),
        (BILL, "amount: bill.balance", "amount: account.x", "unknown_slot", "21:20", "write account alone"),
        (BILL, "amount: bill.balance", "amount: card", "secret", "21:20", "not kept secret"),
        (BILL, "card: card}", "card: card + ''}", "secret", "21:40", "write card alone"),
        (BILL, "    as: card\n", "    as: card\n    confirm: true\n", "secret", "18:5", "read back"),
        (BILL, "say: bill.owes", "say: 'Your card is {card}.'", "secret", "13:25", "can't be said"),
        (BILL, "  account:\n    ask", "  first: {say: 'You owe {bill.balance}.', next: account}\n  account:\n    ask",
         "maybe_unfilled", "2:11", "not filled on every way"),
        (BILL, "not_found: return}", "not_found: return, failed: owes}", "maybe_unfilled", "13:5", "on every way"),
        (BILL, "unsupported: return", "no_input: return", "unsupported", "15:3", "on text"),
        (BILL, "declined: card", "declined: charge", "maybe_unfilled", "21:34", "'card'"),
        (COMPANY, "person: helpdesk\n", "", "no_person", "1:1", "no route to a person"),
        (COMPANY, "person: helpdesk", "person: heldesk", "unknown_flow", "3:1", "did you mean 'helpdesk'?"),
        (COMPANY, "[en, es]", "[en, de]", "unknown_language", "2:17", "prompts/de"),
        (COMPANY, "name: Sample\n", "name: Sample\ntimezone: Europe/Madird\n", "unknown_timezone", "2:1", "Madrid"),
        (COMPANY, "name: Sample\n", "name: Sample\nlimits: {menu_seconds: 3}\n", "long_menu", "5:3", "seconds"),
        (COMPANY, "name: Sample\n", "name: Sample\nlimits: {menu_choices: 1}\n", "long_menu", "5:3", "2 choices"),
        (COMPANY, "name: Sample\n", "name: Sample\nkeys: {person: 0, back: 0}\n", "equal_keys", "2:1", "keys"),
        (ES, "card: Your card number?", "crad: Tarjeta?", "missing_translation", "5:9", "missing in 'es'"),
        (ES, "card: Your card number?", "card: A?\n  odd: B", "stray_prompt", "6:8", "not in 'en'"),
        (EN, "card: Your card number?", "card: A?\n  odd: B", "unused_prompt", "6:8", "bill.odd"),
        (EN, "{bill.balance|money}", "{bill.balance|mony}", "bad_template", "4:", "mony"),
        (EN, "{bill.balance|money}", "{bill.balence|money}", "unknown_slot", "4:", "did you mean 'balance'?"),
    ],
)  # fmt: skip
def test_mistake(tmp_path: Path, file: str, old: str, new: str, code: str, place: str, words: str) -> None:
    found = [problem for problem in problems(tmp_path, file, old, new) if problem.code == code]
    assert found, f"no {code}"
    assert any(words in str(problem) for problem in found), [str(problem) for problem in found]
    shown = [str(problem.mark).removeprefix(f"{tmp_path}/") for problem in found]
    assert any(f":{place}" in mark for mark in shown), shown


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("queues", "queues:\n\tbilling: {}\n", "2:1: error: not valid YAML: a tab stands here; indent with spaces"),
        ("main", "steps:\n  a:\n    say: Smile: hello\n", "3:15: error: not valid YAML: this colon doesn't fit here"),
        (
            "main",
            'steps:\n  a:\n    say: "Hello\n    next: end\n',
            "3:10: error: not valid YAML: the quote that begins",
        ),
        ("main", "steps:\n  a:\n    say: 'We're here'\n", "3:14: error: not valid YAML: there is more after the end"),
        ("main", "steps:\n  a:\n   say: Hi\n  next: b\n", "4:3: error: 'next' stands where"),
        (
            "agents",
            "agents:\n  a: {name: A, ques: [b]}\n",
            "2:16: error: 'ques' is not known here; did you mean 'queues'?",
        ),
        (
            "agents",
            "agents:\n  a: {name: A, queues: b}\n",
            "2:16: error: 'queues': a list is expected here; write it as",
        ),
        ("company", "name: A\ncountry: USA\n", "2:1: error: 'country': it can't be that; write the two capital"),
        ("company", "name: A\ntimezone: CST\n", "2:1: error: 'CST' is not a time zone; write the continent"),
        ("business_hours", "weekly: {friday: 8-14}\n", "1:10: error: 'friday' can't be read; write a range as"),
        (
            "main",
            "steps: {a: {say: x.gone, next: end}}\n",
            "1:13: error: there is no prompt 'x.gone'; use one of: bill.",
        ),
    ],
)
def test_typical_mistakes_are_told_in_plain_words(tmp_path: Path, file: str, text: str, told: str) -> None:
    found = sample.flow_set(tmp_path, {f"flows/{file}.yaml": text})[1]
    shown = [f"{one.mark.line}:{one.mark.column}: error: {one.what}; {one.fix}" for one in found if not one.warning]
    assert any(line.startswith(told) for line in shown), shown


def test_callwrights_own_words_are_missing_only_where_it_has_none(tmp_path: Path) -> None:
    """They come with it in English and Spanish; any other language brings its own."""
    none: dict[str, str | None] = dict.fromkeys(("prompts/en/system.yaml", "prompts/es/system.yaml"))
    assert sample.flow_set(tmp_path / "both", none)[1] == []
    fewer = sample.SYSTEM.replace("  one_moment: One moment.\n", "")
    french = none | {"prompts/fr/system.yaml": fewer, "prompts/fr/main.yaml": sample.PROMPTS}
    company = {"flows/company.yaml": sample.COMPANY.replace("[en, es]", "[en, fr]")}
    found = sample.flow_set(tmp_path / "one", french | company)[1]
    assert [problem.what for problem in found if not problem.warning] == [
        "the prompt 'system.one_moment' is missing in 'fr'"
    ]


def test_a_condition_that_asks_first_is_enough(tmp_path: Path) -> None:
    guarded = """
    steps:
      look:
        branch:
          - {if: account == nothing, go: bye}
          - {if: length(account) > 2 and filled(bill.balance), go: tell}
          - else: known
      known: {say: "Hello {account}.", next: bye}
      tell: {say: "You owe {bill.balance|money}.", next: bye}
      bye: {call: bill, exits: {done: choose, paid: choose}}
      choose: {hang_up: main.bye}
    """
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": guarded})
    assert not [problem for problem in found if "unfilled" in problem.code]
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": guarded.replace("filled(bill.balance)", "true")})
    assert [problem.code for problem in found if "unfilled" in problem.code] == ["unfilled"]


def test_a_loop_through_a_flow_that_never_waits(tmp_path: Path) -> None:
    main = "steps: {a: {call: other, next: b}, b: {call: other, next: c}, c: {hang_up: main.bye}}"
    other = "steps: {x: {say: main.welcome, next: return}}"
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": main, "flows/other.yaml": other})
    assert "endless_loop" not in [problem.code for problem in found]  # called twice is no loop
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": main.replace("next: c", "next: a")})
    assert "endless_loop" in [problem.code for problem in found]
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": main, "flows/other.yaml": "steps: {x: {call: main}}"})
    codes = [problem.code for problem in found]
    assert "endless_loop" in codes
    assert "recursion" in codes


def test_deep_menus(tmp_path: Path) -> None:
    steps = "\n".join(
        f"  m{n}: {{menu: main.menu, choices: [{{key: 1, label: main.pay, go: {f'm{n + 1}' if n < 4 else 'end'}}}]}}"
        for n in range(1, 5)
    )
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": f"steps:\n{steps}\n"})
    assert [problem.mark.line for problem in found if problem.code == "deep_menu"] == [5]


def test_business_hours_are_checked_by_their_model(tmp_path: Path) -> None:
    hours = 'weekly: {monday: ["08:00-18:00"], mondey: []}'
    _, found = sample.flow_set(tmp_path, {"flows/business_hours.yaml": hours, "flows/other.yaml": "a: 1"})
    assert any("mondey" in problem.what and problem.mark.line == 1 for problem in found)
    assert "unused_file" in [problem.code for problem in found]


@pytest.mark.parametrize("words", ["hello", "Pay", "main_street 5", "'Pay!'"])
def test_words_may_stand_alone(tmp_path: Path, words: str) -> None:
    found = problems(tmp_path, MAIN, "say: main.welcome", f"say: {words}")
    assert [problem.code for problem in found] == ["unused_prompt"]


def test_unreachable_flow(tmp_path: Path) -> None:
    _, found = sample.flow_set(tmp_path, {"flows/other.yaml": "steps: {x: {hang_up: main.bye}}"})
    assert [(problem.code, problem.warning) for problem in found] == [("unreachable_flow", True)]


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ('["08:00-12:00", "11:00-17:00"]', ["1:10 monday's ranges overlap at 11:00-17:00"]),
        ('["08:00-12:00", "12:00-17:00"]', []),
        ('["14:00-08:00"]', ["1:10 14:00-08:00 on monday lasts past midnight"]),
        ('["18:00-02:00"]', []),
        ('["00:00-24:00"]', []),
    ],
)
@pytest.mark.parametrize("used", ["", "hours: {}", "callback: {{hours: {}}}", "callback: {{offer_hours: {}}}"])
def test_hours_that_are_likely_a_slip_are_warned_of(tmp_path: Path, day: str, told: list[str], used: str) -> None:
    """Under every name that hours may have."""
    name = "sales_hours" if used else "business_hours"
    files = {f"flows/{name}.yaml": f"weekly: {{monday: {day}}}\n"}
    if used:
        files["flows/queues.yaml"] = f"queues:\n  sales:\n    {used.format(name)}\n"
        files["flows/agents.yaml"] = "agents: {ana: {queues: [sales]}}\n"
    found = sample.flow_set(tmp_path, files)[1]
    assert [f"{one.mark.line}:{one.mark.column} {one.what}" for one in found if one.warning] == told
    assert all(one.warning for one in found)
