"""A call in the terminal: prompts are printed, keys are typed, and time passes only when the caller lets it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TextIO

from rich.console import Console
from rich.text import Text

from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.model import FlowSet
from ivr.flow.secret import masked
from ivr.flow.session import Session
from ivr.rehearsal.actions import Answer
from ivr.rehearsal.phone import Facts, Heard

HELP = {
    True: "Keys are pressed as you type them. Enter lets time pass, / says words, Ctrl-C hangs up.",
    False: "Type keys or words and Enter. An empty line lets time pass. Ctrl-C or Ctrl-D hangs up.",
}
TEXT_HELP = "Type messages. Ctrl-C or Ctrl-D ends the conversation."


class Conversation(Protocol):
    """What the terminal needs of a call: the simulator's, or one with a running server (`TwilioPhone`)."""

    @property
    def text(self) -> bool:
        """Whether it is a thread of messages."""
        ...

    @property
    def clock(self) -> float:
        """Seconds since the call began."""
        ...

    @property
    def ended(self) -> bool: ...

    @property
    def question(self) -> object:
        """What the caller is asked, another object for each time; None for nothing."""
        ...

    @property
    def hint(self) -> str:
        """What can be pressed or said now."""
        ...

    @property
    def secret(self) -> bool:
        """Whether keys are not to be shown."""
        ...

    def start(self) -> object: ...

    def press(self, keys: str) -> None: ...

    def say(self, words: str) -> None: ...

    def pass_time(self) -> None:
        """Let time pass until something happens."""
        ...

    def hang_up(self) -> None: ...

    def facts(self) -> Facts: ...


class Terminal:
    """Shows one simulated call and takes the caller's part from `source`, by single keys where that is a terminal."""

    def __init__(self, console: Console, source: TextIO | None = None) -> None:
        self.console = console
        self.source = source or sys.stdin
        self.single = self.source.isatty()

    def show(self, heard: Heard) -> None:
        """Print what is said: the call's `on_heard`."""
        id = (f"  {heard.id}", "dim") if heard.id else ""
        self.console.print(Text.assemble((_clock(heard.at), "dim"), "  ", (heard.text, "bold"), id))

    def talk(self, phone: Conversation) -> None:
        """The call, from its start to its end."""
        self.console.print(Text(TEXT_HELP if phone.text else HELP[self.single], style="dim"))
        try:
            phone.start()
            with self._keys(phone) as turns:
                while not phone.ended:
                    next(turns)()
        except (KeyboardInterrupt, EOFError):
            pass
        phone.hang_up()
        facts = phone.facts()
        shown = f"{_clock(phone.clock)}  the call is over" + (f": {facts.outcome}" if facts.outcome else "")
        self.console.print(Text(shown, style="green" if facts.outcome == "completed" else "yellow"))
        for sent in facts.messages:
            self.console.print(Text(f"       {sent.channel} to {sent.to}: {sent.body}", style="magenta"))

    def _hint(self, phone: Conversation) -> None:
        if phone.hint:
            self.console.print(Text(f"       {phone.hint}", style="cyan"))

    @contextmanager
    def _keys(self, phone: Conversation) -> Iterator[Iterator[Callable[[], None]]]:
        if not self.single or phone.text:
            yield self._lines(phone)
            return
        import termios
        import tty

        descriptor = self.source.fileno()
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            yield self._pressed(phone, lambda: termios.tcsetattr(descriptor, termios.TCSADRAIN, before))
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _lines(self, phone: Conversation) -> Iterator[Callable[[], None]]:
        while True:
            self._hint(phone)
            if self.single:
                self.console.print(Text("> ", style="bold cyan"), end="")
            line = self.source.readline()
            if not line:
                raise EOFError
            yield partial(self._line, phone, line.strip())

    def _line(self, phone: Conversation, line: str) -> None:
        if phone.text:
            phone.say(line)
        elif not line:
            phone.pass_time()
        elif set(line) <= set("0123456789*#"):
            phone.press(line)
        else:
            phone.say(line.removeprefix("/").strip())

    def _pressed(self, phone: Conversation, restore: Callable[[], None]) -> Iterator[Callable[[], None]]:
        import tty

        shown = None
        while True:
            if phone.question is not shown:
                self._hint(phone)
                shown = phone.question
            key = self.source.read(1)
            if key in ("", "\x04"):
                raise EOFError
            if key == "/":
                restore()
                self.console.print(Text("say: ", style="bold cyan"), end="")
                words = self.source.readline().strip()
                tty.setcbreak(self.source.fileno())
                yield partial(phone.say, words)
            elif key in "\r\n":
                yield phone.pass_time
            elif key in "0123456789*#":
                self.console.print(Text("•" if phone.secret else key, style="bold cyan"))
                yield partial(phone.press, key)

    def ask_for_result(self, flows: FlowSet) -> Callable[[RunAction, Session, object], Answer]:
        """Actions that whoever sits here answers: an exit, and a value for each thing that it returns."""

        def answer(action: RunAction, session: Session, now: object) -> Answer:
            spec = flows.actions[action.name]
            given = ", ".join(f"{name}={masked(value)}" for name, value in action.arguments.items())
            exits = (*spec.exits, "failed")
            self.console.print(Text(f"       action {action.name}({given}); exits: {', '.join(exits)}", style="yellow"))
            exit = self._value(f"exit [{exits[0]}]") or exits[0]
            if exit not in exits:
                self.console.print(Text(f"       there is no exit {exit}: taken as failed", style="red"))
                exit = "failed"
            data = {name: self._value(f"{name} ({kind})") for name, kind in spec.returns.items() if exit != "failed"}
            typed = {name: int(value) if value.lstrip("-").isdecimal() else value for name, value in data.items()}
            return ActionDone(action.call, exit, {name: value for name, value in typed.items() if value != ""}), 0.0

        return answer

    def _value(self, label: str) -> str:
        self.console.print(Text(f"       {label}: ", style="yellow"), end="")
        with self._cooked():
            line = self.source.readline()
        if not line:
            raise EOFError
        return line.strip()

    @contextmanager
    def _cooked(self) -> Iterator[None]:
        """Whole lines with echo, whatever the keypad's mode is."""
        if not self.single:
            yield
            return
        import termios

        descriptor = self.source.fileno()
        before = termios.tcgetattr(descriptor)
        lines = termios.tcgetattr(descriptor)
        lines[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, lines)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2}:{int(seconds) % 60:02}"
