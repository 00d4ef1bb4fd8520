"""A call in the terminal: prompts are printed, keys are typed, and time passes only when the caller lets it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.model import FlowSet
from ivr.flow.secret import masked
from ivr.flow.session import Session
from ivr.prompts.written import written
from ivr.rehearsal.phone import Heard
from ivr.rehearsal.simulator import Answer, Simulator

HELP = {
    True: "Keys are pressed as you type them. Enter lets time pass, / says words, Ctrl-C hangs up.",
    False: "Type keys or words and Enter. An empty line lets time pass. Ctrl-C or Ctrl-D hangs up.",
}
TEXT_HELP = "Type messages. Ctrl-C or Ctrl-D ends the conversation."


class Terminal:
    """Shows one simulated call and takes the caller's part from `source`, by single keys where that is a terminal."""

    def __init__(self, console: Console, source: TextIO | None = None) -> None:
        self.console = console
        self.source = source or sys.stdin
        self.single = self.source.isatty()
        self.phone: Simulator | None = None

    def show(self, heard: Heard) -> None:
        """Print what is said; `on_heard` of a `Simulator`."""
        id = (f"  {heard.id}", "dim") if heard.id else ""
        self.console.print(Text.assemble((_clock(heard.at), "dim"), "  ", (heard.text, "bold"), id))

    def talk(self, phone: Simulator) -> None:
        """The call, from its start to its end."""
        self.phone = phone
        self.console.print(Text(TEXT_HELP if phone.text else HELP[self.single], style="dim"))
        try:
            phone.start()
            with self._keys(phone) as turns:
                for turn in turns:
                    turn()
                    if phone.ended:
                        break
        except (KeyboardInterrupt, EOFError):
            pass
        phone.hang_up()
        shown = f"{_clock(phone.clock)}  the call is over: {phone.session.outcome}"
        self.console.print(Text(shown, style="green" if phone.session.outcome == "completed" else "yellow"))
        for sent in phone.facts().messages:
            self.console.print(Text(f"       {sent.channel} to {sent.to}: {sent.body}", style="magenta"))

    def _hint(self, phone: Simulator) -> None:
        """What can be pressed now."""
        ask = phone.asking
        if phone.recording is not None:
            hint = f"recording: say something, or press {phone.recording.finish_on}"
        elif ask is None or phone.text:
            return
        elif ask.choices:
            hint = "  ".join(f"{choice.key} {written(choice.label)}" for choice in ask.choices)
        elif ask.accept:
            hint = "  ".join(ask.accept)
        else:
            count = str(ask.at_most) if ask.at_least == ask.at_most else f"{ask.at_least} to {ask.at_most}"
            hint = f"{count} keys, {ask.finish_on} ends" + (", not shown" if ask.secret else "")
        if hint:
            self.console.print(Text(f"       {hint}", style="cyan"))

    @contextmanager
    def _keys(self, phone: Simulator) -> Iterator[Iterator[Callable[[], None]]]:
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

    def _lines(self, phone: Simulator) -> Iterator[Callable[[], None]]:
        while True:
            self._hint(phone)
            if self.single:
                self.console.print(Text("> ", style="bold cyan"), end="")
            line = self.source.readline()
            if not line:
                raise EOFError
            yield lambda line=line.strip(): self._line(phone, line)  # type: ignore[misc]

    def _line(self, phone: Simulator, line: str) -> None:
        if phone.text:
            phone.say(line)
        elif not line:
            phone.pass_time()
        elif set(line) <= set("0123456789*#"):
            phone.press(line)
        else:
            phone.say(line.removeprefix("/").strip())

    def _pressed(self, phone: Simulator, restore: Callable[[], None]) -> Iterator[Callable[[], None]]:
        import tty

        shown = None
        while True:
            if phone.asking is not shown or phone.recording is not None:
                self._hint(phone)
                shown = phone.asking
            key = self.source.read(1)
            if key in ("", "\x04"):
                raise EOFError
            if key == "/":
                restore()
                self.console.print(Text("say: ", style="bold cyan"), end="")
                words = self.source.readline().strip()
                tty.setcbreak(self.source.fileno())
                yield lambda words=words: phone.say(words)  # type: ignore[misc]
            elif key in "\r\n":
                yield phone.pass_time
            elif key in "0123456789*#":
                secret = phone.asking is not None and phone.asking.secret
                self.console.print(Text("•" if secret else key, style="bold cyan"))
                yield lambda key=key: phone.press(key)  # type: ignore[misc]

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
