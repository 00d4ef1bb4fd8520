"""The digit collector under any interleaving of keys and time: nothing lost, nothing doubled, always an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.flow import collect
from ivr.flow.collect import Collector
from ivr.flow.effects import Collect

KEYS = "0123456789*#"
asks = st.one_of(
    st.builds(
        lambda least, more, point: Collect((), "digits", at_least=least, at_most=least + more, point=point),
        st.integers(1, 4), st.integers(0, 4), st.sampled_from(["", "*"]),
    ),
    st.builds(
        lambda accept: Collect((), "menu", accept=tuple(sorted(accept))),
        st.sets(st.text(KEYS, min_size=1, max_size=3), min_size=1, max_size=5),
    ),
)  # fmt: skip
moves = st.lists(
    st.one_of(
        st.tuples(st.just("key"), st.sampled_from(KEYS)),
        st.tuples(st.just("time"), st.floats(0.01, 12)),
        st.tuples(st.just("prompt"), st.just(0)),
        st.tuples(st.just("ask"), asks),
    ),
    max_size=40,
)


class Runner:
    """Drives the collector as a channel does, and keeps the books: keys in, keys out."""

    def __init__(self) -> None:
        self.state, self.now = Collector(), 0.0
        self.answers: list[str] = []
        self.pressed = ""

    def move(self, kind: str, value: object) -> None:
        before, answer = self.state, None
        if kind == "key":
            self.pressed += str(value)
            self.state, answer = collect.press(self.state, str(value), self.now)
        elif kind == "time":
            self.now += float(str(value))
            self.state, answer = collect.tick(self.state, self.now)
        elif kind == "prompt":
            self.state = collect.prompt_ended(self.state, self.now)
        elif self.state.ask is None:
            assert isinstance(value, Collect)
            self.state, answer = collect.begin(self.state, value, self.now)
        if answer is not None:
            if answer in ("*", "#"):
                # A command key in the middle of a number takes back what was keyed of it.
                ahead = before.ahead[: len(before.ahead) - len(self.state.ahead) - 1]
                self.answers.append(before.digits if kind == "key" else ahead)
            self.answers.append(answer)
            assert self.state.ask is None
            assert self.state.digits == ""
            assert self.state.deadline is None
        elif kind == "time" and before.deadline is not None:
            assert self.now < before.deadline


@given(moves)
def test_no_key_is_lost_or_doubled(given_moves: list[tuple[str, object]]) -> None:
    run = Runner()
    for kind, value in given_moves:
        run.move(kind, value)
    kept = "".join(run.answers) + run.state.digits + run.state.ahead
    # Finishing keys are not part of an answer: what is kept is what was pressed, in order, less some #.
    left = iter(run.pressed)
    assert all(any(key == other for other in left) for key in kept), (run.pressed, kept)
    missing = list(run.pressed)
    for key in kept:
        missing.remove(key)
    assert set(missing) <= {"#"}, (run.pressed, kept)


@given(asks, st.text(KEYS, max_size=6), st.lists(st.floats(0, 2), min_size=6, max_size=6))
def test_every_question_ends(ask: Collect, keys: str, gaps: list[float]) -> None:
    state, answer = collect.begin(Collector(), ask, 0.0)
    now = 0.0
    for key, gap in zip(keys, gaps, strict=False):
        now += gap
        if answer is None:
            state, answer = collect.tick(state, now)
        if answer is None:
            state, answer = collect.press(state, key, now)
    if answer is None:
        state = collect.prompt_ended(state, now)
        assert state.deadline is not None
        assert state.deadline <= now + max(ask.first_timeout, ask.between_keys)
        state, answer = collect.tick(state, state.deadline)
    assert answer is not None
    assert state.ask is None


@given(asks, st.text(KEYS, min_size=1, max_size=8))
def test_keyed_ahead_is_keyed_now(ask: Collect, keys: str) -> None:
    """Keys pressed before a question mean what they mean after it, but for the key that was only finishing."""
    ahead = Collector()
    for key in keys:
        ahead, _ = collect.press(ahead, key, 0.0)
    ahead, early = collect.begin(ahead, ask, 0.0)
    state, late = collect.begin(Collector(), ask, 0.0)
    for key in keys:
        if late is None:
            state, late = collect.press(state, key, 0.0)
    assert early == late
    if early is None:
        assert ahead.digits == state.digits


@given(st.text(KEYS, min_size=collect.MAX_AHEAD, max_size=200))
def test_keys_ahead_are_bounded(keys: str) -> None:
    state = Collector()
    for key in keys:
        state, _ = collect.press(state, key, 0.0)
    assert state.ahead == keys[-collect.MAX_AHEAD :]
    assert keys[:6] not in repr(state)
