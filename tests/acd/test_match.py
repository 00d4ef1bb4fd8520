"""What matching promises, for any queues, agents and contacts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.acd.config import CAPACITY, INTERRUPTS, Queue
from callcenter.acd.match import match, stages
from callcenter.acd.model import Agent, Entry, Proposal, Snapshot
from callcenter.acd.strategies import strategies
from callcenter.acd.waiting import Waiting

NOW = 10_000.0
SKILLS = ("billing", "english", "cards")
MEDIA = ("voice", "chat", "sms", "email")
NAMES = ("a", "b")

skills = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10), max_size=2)
relaxation = st.builds(
    lambda times, sets: [{"after": after, "skills": given} for after, given in zip(sorted(times), sets, strict=True)],
    st.lists(st.integers(1, 300), min_size=2, max_size=2),
    st.lists(skills, min_size=2, max_size=2),
)
queues = st.builds(
    lambda **values: Queue(**values),
    strategy=st.sampled_from(sorted(strategies())),
    skills=skills,
    relax=st.one_of(st.just([]), relaxation),
    rings=st.sampled_from([[], [{"groups": ["a"]}, {"after": 60, "groups": ["senior"]}]]),
    language_after=st.sampled_from([None, 0, 100]),
    last_agent_wait=st.sampled_from([0, 50]),
)


def person(queues: frozenset[str], more: frozenset[str], **values: Any) -> Agent:
    return Agent(queues=queues, groups=queues | more, capacity=CAPACITY, interrupts=INTERRUPTS, **values)


agents = st.builds(
    person,
    id=st.sampled_from([f"agent{number}" for number in range(6)]),
    queues=st.frozensets(st.sampled_from(NAMES)),
    more=st.frozensets(st.just("senior")),
    skills=skills,
    languages=st.frozensets(st.sampled_from(["en", "es"])),
    presence=st.sampled_from(["available", "available", "available", "unavailable"]),
    offer=st.sampled_from(["", "", "", "o1"]),
    load=st.dictionaries(st.sampled_from(MEDIA), st.integers(1, 4), max_size=2),
    blocked_until=st.sampled_from([0.0, 0.0, NOW + 5]),
    idle_since=st.floats(0, NOW),
    handled=st.integers(0, 9),
)  # fmt: skip
entries = st.builds(
    lambda joined_at, moved, **values: Entry(joined_at=joined_at, queued_at=joined_at + moved, **values),
    contact_id=st.integers(0, 30).map("c{}".format),
    queue=st.sampled_from(NAMES),
    medium=st.sampled_from(MEDIA),
    priority=st.sampled_from([0, 0, 5]),
    joined_at=st.integers(9_600, 10_000).map(float),
    moved=st.sampled_from([0.0, 0.0, 40.0]),
    skills=skills.map(lambda found: tuple(sorted(found.items()))),
    language=st.sampled_from(["", "en", "es", "fr"]),
    last_agent=st.sampled_from(["", "agent1", "nobody"]),
    not_before=st.sampled_from([0.0, 0.0, NOW - 5, NOW + 5]),
    absent=st.booleans(),
)
snapshots = st.builds(
    lambda a, b, people, contacts: Snapshot(
        {"a": a, "b": b}, {agent.id: agent for agent in people}, Waiting({e.contact_id: e for e in contacts}.values())
    ),
    queues,
    queues,
    st.lists(agents, max_size=6),
    st.lists(entries, max_size=30),
)


def fits(snapshot: Snapshot, entry: Entry, agent: Agent) -> bool:
    """The rules read plainly, one entry and one agent at a time."""
    queue = snapshot.queues[entry.queue]
    waited = NOW - entry.queued_at
    if entry.not_before > NOW or not agent.available(NOW) or not agent.room_for(entry.medium):
        return False
    last = [s for s in stages(queue, entry.skills, entry.language, entry.last_agent) if s.after <= max(waited, 0)][-1]
    member = entry.queue in agent.queues if last.groups is None else not last.groups.isdisjoint(agent.groups)
    spoken = any(entry.language in one.languages for one in snapshot.agents.values())
    speaks = not (last.language and spoken) or agent.speaks(entry.language)
    own = not (last.last_agent_only and entry.last_agent in snapshot.agents) or agent.id == entry.last_agent
    return member and speaks and own and agent.has(dict(last.skills))


@settings(max_examples=150)
@given(snapshots)
def test_every_proposal_keeps_the_rules(snapshot: Snapshot) -> None:
    made = match(snapshot, NOW)
    contacts = [proposal.contact_id for proposal in made]
    asked = [agent for proposal in made for agent in proposal.agents]
    assert len(contacts) == len(set(contacts))
    assert len(asked) == len(set(asked))
    for proposal in made:
        entry = snapshot.waiting.get(proposal.contact_id)
        assert entry is not None
        assert proposal.agents
        assert (proposal.queue, proposal.medium) == (entry.queue, entry.medium)
        for agent_id in proposal.agents:
            assert fits(snapshot, entry, snapshot.agents[agent_id]), (entry, snapshot.agents[agent_id])


@settings(max_examples=150)
@given(snapshots)
def test_it_is_what_serving_one_after_the_other_gives(snapshot: Snapshot) -> None:
    """The plain way: the first in order takes the best who fits, and so on. The fast way must give the same."""
    taken: set[str] = set()
    plain = []
    for entry in sorted(snapshot.waiting, key=lambda entry: entry.rank):
        queue = snapshot.queues[entry.queue]
        strategy = strategies()[queue.strategy]
        waited = max(NOW - entry.queued_at, 0)
        stage = [s for s in stages(queue, entry.skills, entry.language, entry.last_agent) if s.after <= waited][-1]
        free = [agent for id, agent in snapshot.agents.items() if id not in taken and fits(snapshot, entry, agent)]
        free.sort(key=lambda agent: (strategy.key(agent, entry.queue, stage.skills), agent.id))
        chosen = tuple(agent.id for agent in (free if strategy.all_at_once and not entry.absent else free[:1]))
        if chosen:
            taken.update(chosen)
            plain.append(Proposal(entry.contact_id, entry.queue, entry.medium, chosen, entry.absent))
    assert match(snapshot, NOW) == plain


@settings(max_examples=100)
@given(snapshots, st.data())
def test_the_index_holds_what_was_put_into_it(snapshot: Snapshot, data: Any) -> None:
    waiting = Waiting()
    model: dict[str, Entry] = {}
    for entry in data.draw(st.lists(entries, max_size=40)):
        if data.draw(st.booleans()):
            waiting.remove(entry.contact_id)
            model.pop(entry.contact_id, None)
        else:
            waiting.add(entry)
            model[entry.contact_id] = entry
    due = {id for id, entry in model.items() if entry.not_before <= NOW}
    grouped = [entry for group in waiting.groups(NOW) for entry in group.entries]
    assert sorted(entry.contact_id for entry in grouped) == sorted(due)
    assert len(waiting) == len(model)
    for name in NAMES:
        assert waiting.size(name) == sum(entry.queue == name for entry in model.values())
    for group in waiting.groups(NOW):
        assert group.entries == sorted(group.entries, key=lambda entry: (entry.joined_at, entry.contact_id))
        assert group.entries


def test_matching_again_gives_the_same() -> None:
    """Nothing is kept from one time to the next."""
    waiting = Waiting([Entry("c1", "a", joined_at=1, queued_at=1)])
    agent = Agent("x", frozenset("a"), frozenset("a"), capacity=CAPACITY, interrupts=INTERRUPTS)
    snapshot = Snapshot({"a": Queue()}, {"x": agent}, waiting)
    assert match(snapshot, NOW) == match(snapshot, NOW) == [Proposal("c1", "a", "voice", ("x",))]
