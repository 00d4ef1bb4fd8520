"""Mistakes in queues.yaml and agents.yaml, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.check import check
from ivr.flow.load import read_folders
from tests.flow import sample

COMPANY = "name: X\nlanguages: [en]\nperson: main\n"
PROMPTS = "system: {fault: a, sorry: b, words: {person: c, back: d, repeat: e}}\n"
FLOW = "steps:\n  wait:\n    queue: general\n    exits: {closed: end, full: end, nobody: end, failed: end}\n"
QUEUES = "queues:\n  general:\n    {}\n"
AGENTS = "agents:\n  ana: {queues: [general]}\n"


def problems(tmp_path: Path, queues: str, agents: str = AGENTS, flow: str = FLOW) -> list[str]:
    flows, prompts = tmp_path / "flows", tmp_path / "prompts" / "en"
    flows.mkdir()
    prompts.mkdir(parents=True)
    (prompts / "main.yaml").write_text(PROMPTS)
    for name, text in (("company", COMPANY), ("main", flow), ("queues", queues), ("agents", agents)):
        if text:
            (flows / f"{name}.yaml").write_text(text)
    loaded, found = read_folders(flows, prompts.parent, {})
    found += check(loaded)
    return [
        f"{Path(problem.mark.file).name}:{problem.mark.line}:{problem.mark.column} {problem.what}; {problem.fix}"
        for problem in found
        if problem.mark.file.endswith(("queues.yaml", "agents.yaml")) or problem.code == "unknown_queue"
    ]


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ("strategy: loudest", "queues.yaml:3:5 'strategy': there is no strategy 'loudest'; there are best_skill, "
         "fewest_contacts, last_agent, longest_idle, ring_all, round_robin"),
        ("strategie: ring_all", "queues.yaml:3:5 'strategie' is not known here"),
        ("skills: {billing: 11}", "queues.yaml:3:14 'billing': Input should be less than or equal to 10"),
        ("max_wait: long", "queues.yaml:3:5 'max_wait': is not a duration; write seconds, minutes or hours"),
        ("overflow: [{to: sales, after_wait: 1m}]", "queues.yaml:3:17 'sales' is not another queue"),
        ("overflow: [{to: general, after_wait: 1m}]", "queues.yaml:3:17 'general' is not another queue"),
        ("overflow: [{to: general}]", "say when: after_wait, when_size, when_predicted_wait, when_predicted_level"),
        ("hours: summer", "queues.yaml:3:5 there is no file 'summer.yaml'"),
        ("rings: [{groups: [senior]}]", "queues.yaml:3:23 no agent is in the group 'senior'"),
        ("rings: [{after: 5s, groups: [general]}]", "the first of `rings` has no `after`"),
        ("skills: {billing: 3}", "queues.yaml:3:5 no agent of 'general' ever has the skills that it requires"),
        ("relax: [{after: 9s}, {after: 3s}]", "write the steps of `relax` in the order of time"),
        ("wrap_up: {required: true}", "required codes need a list `codes`"),
        ("callback: {offer_hours: summer}", "queues.yaml:3:16 there is no file 'summer.yaml'"),
        ("staffing: {shrinkage: 95}", "queues.yaml:3:16 'shrinkage': Input should be less than or equal to 90"),
        ("staffing: {busy: 80}", "queues.yaml:3:16 'busy' is not known here"),
        ("callback: {hours: summer}", "queues.yaml:3:16 there is no file 'summer.yaml'"),
        ("record: {consent: by_region}", "queues.yaml:3:14 `consent` needs `regions`; write both: {consent: by_region"),
        ("record: {consent: never, regions: [DE]}", "queues.yaml:3:30 `consent` isn't `by_region`, so that"),
        ("record: {consent: by_region, regions: [DE, US-ZZ]}", "queues.yaml:3:48 there is no region 'US-ZZ'; write a "
         "country as DE"),
        ("record: {consent: by_region, regions: [Texas]}", "queues.yaml:3:44 'regions': it can't be that"),
        ("music: queue.tune", "queues.yaml:3:5 there is no prompt 'queue.tune'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_queue(tmp_path: Path, queue: str, said: str) -> None:
    found = problems(tmp_path, QUEUES.format(queue))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("queues: [generel]", "agents.yaml:3:14 there is no queue 'generel'; did you mean 'general'?"),
        ("phone: ring me", "'phone': a phone is desk, sip:USER@HOST, a number as +12025550143, or an account"),
        ("phone: {user: ana}", "give either password_env or password_hash"),
        ("capacity: {voice: -1}", "'voice': Input should be greater than or equal to 0"),
        ("penalties: {reject_delay: 0}", "'reject_delay': Input should be greater than or equal to 1"),
    ],
)
def test_mistakes_in_an_agent(tmp_path: Path, agent: str, said: str) -> None:
    found = problems(
        tmp_path, QUEUES.format("label: G"), f"agents:\n  ana:\n    {agent}\n  ben: {{queues: [general]}}\n"
    )
    assert any(said in line for line in found), found


def test_two_agents_with_one_phone(tmp_path: Path) -> None:
    phone = "{queues: [general], phone: {user: a, password_env: P}}"
    found = problems(tmp_path, QUEUES.format("label: G"), f"agents:\n  ana: {phone}\n  ben: {phone}\n")
    assert found == ["agents.yaml:3:36 the phone 'a' is ana's already; give each agent an account of their own"]


def test_a_flow_names_a_queue_that_is_there(tmp_path: Path) -> None:
    flow = FLOW.replace("queue: general", "queue: genral")
    assert problems(tmp_path, QUEUES.format("label: G"), flow=flow) == [
        "main.yaml:3:5 there is no queue 'genral'; did you mean 'general'?"
    ]


def test_a_flow_with_queues_needs_the_file(tmp_path: Path) -> None:
    assert problems(tmp_path, "", "") == [
        "main.yaml:3:5 there is no queue 'general'; describe it in queues.yaml beside the flows"
    ]


def test_well_written_files_have_no_mistakes(tmp_path: Path) -> None:
    assert problems(tmp_path, QUEUES.format("relax: [{after: 30s}]\n    skills: {x: 9}")) == []


def test_a_queue_without_a_file_of_agents_is_told_too(tmp_path: Path) -> None:
    found = sample.flow_set(tmp_path, {"flows/queues.yaml": "queues: {desk: {}}\n"})[1]
    assert [(one.what, one.warning) for one in found] == [("no agent serves the queue 'desk'", True)]
