"""Menus that callers can follow: distinct keys and words, not too long, not too deep, and always a way to a person."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ivr.flow.answering import normal
from ivr.flow.lint import View, error, lint, warning
from ivr.flow.model import SPECIAL
from ivr.flow.pace import text_seconds
from ivr.flow.problems import Problem
from ivr.flow.session import Place
from ivr.flow.verbs.call import Call
from ivr.flow.verbs.menu import Menu


def _menus(view: View) -> Iterator[tuple[str, str, Menu]]:
    for flow, name, step in view.places:
        if isinstance(step, Menu):
            yield flow, name, step


@lint
def keys(view: View) -> Iterator[Problem]:
    special = view.company.keys
    for flow, name, menu in _menus(view):
        seen: dict[str, int] = {}
        for index, choice in enumerate(menu.choices):
            mark = view.mark(flow, name, ("choices", index, "key"))
            if choice.key in seen:
                what = f"the key {choice.key} stands for two choices of this menu"
                yield error(mark, what, "give each choice a key of its own", "equal_keys")
                continue
            for other in seen:
                if other.startswith(choice.key) or choice.key.startswith(other):
                    short, long = sorted((other, choice.key), key=len)
                    what = f"the key {short} begins {long}: whoever presses {short} waits until no further key comes"
                    yield warning(mark, what, "use keys of one length", "key_prefix")
            seen[choice.key] = index
            if choice.key == special.person and not _to_person(view, flow, choice.go):
                what = f"from this menu the key {choice.key} doesn't lead to a person"
                fix = "use another key, or lead this choice to `person`"
                yield error(mark, what, fix, "no_person")
            elif choice.key in (special.repeat, special.back):
                usual = "hears the menu again" if choice.key == special.repeat else "goes back"
                what = f"the key {choice.key} usually {usual}; here it means something else"
                yield warning(mark, what, "use another key if you can", "shadowed_key")


def _to_person(view: View, flow: str, target: str) -> bool:
    step = view.flows.flows[flow].steps.get(target)
    return target == "person" or flow == view.company.person or (
        isinstance(step, Call) and step.call == view.company.person
    )  # fmt: skip


@lint
def words(view: View) -> Iterator[Problem]:
    for flow, name, menu in _menus(view):
        seen: dict[str, int] = {}
        for index, choice in enumerate(menu.choices):
            for place, word in enumerate(choice.words):
                said = normal(word)
                if seen.setdefault(said, index) != index:
                    what = f"the word '{word}' stands for two choices of this menu"
                    fix = "keep it at one of them"
                    yield warning(view.mark(flow, name, ("choices", index, "words", place)), what, fix, "equal_words")


@lint
def length(view: View) -> Iterator[Problem]:
    limits = view.company.limits
    for flow, name, menu in _menus(view):
        mark = view.mark(flow, name)
        spoken = [choice for choice in menu.choices if choice.announce]
        if len(spoken) > limits.menu_choices:
            what = f"this menu has {len(spoken)} choices; callers remember {limits.menu_choices}"
            fix = "split it, or raise limits.menu_choices in company.yaml"
            yield error(mark, what, fix, "long_menu")
        for language in view.company.languages:
            if language not in view.flows.texts:
                continue
            frame = view.flows.text(language, "system.menu_choice") or "{label} {key}"
            total = text_seconds(view.flows.text(language, menu.menu) or menu.menu, language)
            for choice in spoken:
                label = view.flows.text(language, choice.label) or choice.label
                total += text_seconds(frame.replace("{label}", label).replace("{key}", choice.key), language)
            if total > limits.menu_seconds:
                what = f"this menu takes about {total:.0f} seconds to say in '{language}'"
                fix = f"shorten it below {limits.menu_seconds:g}, or raise limits.menu_seconds in company.yaml"
                yield error(mark, what, fix, "long_menu")


@lint
def depth(view: View) -> Iterator[Problem]:
    """The fewest menus that a caller passes to get to each menu, by a breadth-first search that counts them."""
    flows, limit = view.flows.flows, view.company.limits.menu_depth
    found: dict[Place, int] = {}
    roots = {view.company.start, *view.company.channels.values()} & flows.keys()
    waiting: deque[tuple[int, Place]] = deque((0, (root, flows[root].start)) for root in sorted(roots))
    while waiting:
        passed, (flow, name) = waiting.popleft()
        step = flows[flow].steps.get(name)
        if step is None or found.get((flow, name), 10**9) <= passed + isinstance(step, Menu):
            continue
        menus = found[flow, name] = passed + isinstance(step, Menu)
        after = [(flow, target) for _, target in view.edges(flow, step) if target.split()[0] not in SPECIAL]
        if isinstance(step, Call) and step.call in flows:
            after.append((step.call, flows[step.call].start))
        for place in after:
            following = flows[place[0]].steps.get(place[1])
            (waiting.append if isinstance(following, Menu) else waiting.appendleft)((menus, place))
    for (flow, name), menus in found.items():
        if menus > limit and isinstance(flows[flow].steps[name], Menu):
            what = f"callers pass {menus} menus to get through here"
            fix = f"make the way shorter than {limit + 1} menus, or raise limits.menu_depth in company.yaml"
            yield error(view.mark(flow, name), what, fix, "deep_menu")
