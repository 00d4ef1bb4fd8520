"""Twilio's side of the account: the number's URLs, signatures, retries, and what was exchanged."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urldefrag, urljoin

from twilio.request_validator import RequestValidator

from ivr.rehearsal.twilio_double.call import Call
from ivr.rehearsal.twilio_double.conference import Conference
from ivr.rehearsal.twilio_double.media import Media
from ivr.rehearsal.twilio_double.transport import Answer, FailedWebhook, NoAnswer, Params, Transport


@dataclass(frozen=True)
class Exchange:
    """One request and what came back; `repeats` are the answers to the same request sent again."""

    url: str
    params: Params
    answer: Answer | None
    repeats: tuple[Answer | None, ...] = ()


@dataclass
class Twilio:
    """An account with one number. `base_url` is the server's public address (PUBLIC_BASE_URL).

    `duplicate` sends every request that often in all. `type_ahead` says whether keys that are pressed while a reply is
    fetched reach the next <Gather>; Twilio promises neither. `lone_finish_key` says whether finishOnKey with no digit
    before it ends a <Gather>: two versions of the documentation disagree. `tells_all_leaves` says whether those whom
    the end of a conference puts out are told as leaving; the documentation says neither.
    """

    transport: Transport
    auth_token: str
    base_url: str
    account_sid: str = "AC" + "0" * 32
    voice_url: str = "/twilio/voice"
    fallback_url: str | None = "/twilio/fallback"
    status_url: str | None = "/twilio/status"
    media: Media | None = None
    duplicate: int = 1
    type_ahead: bool = True
    lone_finish_key: bool = True
    tells_all_leaves: bool = True
    exchanges: list[Exchange] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    """By SID; those that were made by the REST API ring until a test says `start()` or `refuse(...)`."""
    conferences: list[Conference] = field(default_factory=list)
    asked: list[Callable[[], None]] = field(default_factory=list)
    """What the REST API has taken and not done yet."""
    held: list[Callable[[], None]] | None = None
    """Callbacks that a test lets come when it likes; `None`: they come at once."""
    before: Callable[[str], object] = lambda url: None
    """Called with the URL before each request: a test's chance to break something."""

    def call(self, caller: str = "+15550001111", called: str = "+15559990000", **options: object) -> Call:
        """A call that rings; it is answered by `start()`."""
        made = Call(self, f"CA{secrets.token_hex(16)}", caller, called, **options)  # type: ignore[arg-type]
        self.calls[made.sid] = made
        return made

    def conference(self, name: str) -> Conference:
        """The one of this name that goes on, or a new one."""
        going = next((one for one in self.conferences if one.name == name and not one.over), None)
        if going is None:
            going = Conference(self, name, f"CF{secrets.token_hex(16)}")
            self.conferences.append(going)
        return going

    def tell(self, call: Call, url: str, params: Params) -> None:
        """A callback whose answer is of no account; it waits in `held`, if there is such a list."""
        if self.held is not None:
            self.held.append(lambda: self._tell(call, url, params))
        else:
            self._tell(call, url, params)

    def _tell(self, call: Call, url: str, params: Params) -> None:
        try:
            self.post(url, params)
        except FailedWebhook as failure:
            call.failures.append(failure)

    def settle(self) -> None:
        """Do what the REST API has been asked for."""
        while self.asked:
            self.asked.pop(0)()

    def url(self, relative: str, document: str = "") -> str:
        return urljoin(document or self.base_url + "/", relative)

    def signature(self, url: str, params: Params) -> str:
        """https://www.twilio.com/docs/usage/webhooks/webhooks-security"""
        signed: str = RequestValidator(self.auth_token).compute_signature(urldefrag(url)[0], _Multi(params))
        return signed

    def post(self, url: str, params: Params) -> Answer:
        """Send a signed request, again as the URL's connection overrides say. Raises `FailedWebhook`."""
        address, fragment = urldefrag(url)
        overrides = {name: values[-1] for name, values in parse_qs(fragment).items()}
        tries = 1 + min(5, int(overrides.get("rc", "1")))
        policy = overrides.get("rp", "ct").split(",")
        headers = {
            "X-Twilio-Signature": self.signature(url, params),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
            "User-Agent": "TwilioProxy/1.1",
        }
        for left in reversed(range(tries)):
            self.before(address)
            answer, why = self._send(address, params, headers)
            if answer is not None and answer.status < 400:
                return answer
            kind = "ct" if answer is None else f"{answer.status // 100}xx"
            if not left or not ({kind, "all"} & set(policy)):
                raise FailedWebhook(address, 11200, why or f"HTTP {answer.status if answer else ''}")
        raise AssertionError

    def _send(self, url: str, params: Params, headers: Mapping[str, str]) -> tuple[Answer | None, str]:
        answers: list[Answer | None] = []
        why = ""
        for _ in range(self.duplicate):
            try:
                answers.append(self.transport.post(url, params, headers))
            except NoAnswer as error:
                why = str(error)
                answers.append(None)
        self.exchanges.append(Exchange(url, params, answers[0], tuple(answers[1:])))
        return answers[0], why

    def resend(self, exchange: Exchange) -> Answer:
        """The same request once more, however late."""
        headers = {"X-Twilio-Signature": self.signature(exchange.url, exchange.params)}
        return self.transport.post(exchange.url, exchange.params, headers)


class _Multi(dict[str, object]):
    """Parameters for the library's validator, repeated ones as lists."""

    def getlist(self, name: str) -> list[str]:
        value = self[name]
        return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]
