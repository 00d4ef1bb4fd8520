"""A strict stand-in for the part of Stripe's API that the gateway uses (https://docs.stripe.com/api).

It knows PaymentMethods and PaymentIntents, refuses parameters that it doesn't know, honours idempotency keys as the
vendor documents (same key and parameters: the same answer; other parameters: an error), and can misbehave once.
"""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any
from urllib.parse import parse_qsl

from tests.servers import Handler

KEY = "sk_test_double"
DECLINES = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000000069": ("expired_card", ""),
    "4000000000000127": ("incorrect_cvc", ""),
}
CREATE = {"amount", "currency", "automatic_payment_methods[enabled]", "automatic_payment_methods[allow_redirects]",
          "metadata[payment]"}  # fmt: skip
METHOD = {"type", "card[number]", "card[exp_month]", "card[exp_year]", "card[cvc]"}
CONFIRM = {"payment_method", "payment_method_options[card][moto]"}


class Refused(Exception):
    def __init__(self, status: int, kind: str, code: str, message: str, **more: str) -> None:
        super().__init__(code)
        self.status, self.error = status, {"type": kind, "code": code, "message": message, **more}


class StripeDouble:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.methods: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[dict[str, str], int, dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.faults: dict[str, list[str]] = {}
        """By the last word of the path: before (close unanswered), after (do it, then close), 500, 429, processing,
        requires_action; each is used once."""

    def charges(self) -> list[int]:
        return [intent["amount"] for intent in self.intents.values() if intent["status"] == "succeeded"]

    def __call__(self, handler: Handler) -> None:
        path, _, query = handler.path.partition("?")
        word = path.rsplit("/", 1)[-1]
        with self.lock:
            self.requests.append(f"{handler.command} {path}")
            faults = self.faults.get(word) or []
            fault = faults.pop(0) if faults else ""
            if fault == "before":
                handler.close_connection = True
                return
            if fault in ("500", "429"):
                error = {"error": {"type": "api_error", "message": "fault"}}
                handler.reply(int(fault), json.dumps(error).encode())
                return
            status, answer = self.respond(handler, path, query, fault)
        if fault == "after":
            handler.close_connection = True
            return
        handler.reply(status, json.dumps(answer).encode())

    def respond(self, handler: Handler, path: str, query: str, fault: str) -> tuple[int, dict[str, Any]]:
        given = dict(parse_qsl(handler.body.decode() or query, keep_blank_values=True))
        key = handler.headers.get("Idempotency-Key", "") if handler.command == "POST" else ""
        try:
            if handler.headers.get("Authorization") != f"Bearer {KEY}":
                raise Refused(401, "invalid_request_error", "", "Invalid API Key provided")
            if key in self.answers:
                before, status, answer = self.answers[key]
                if before != given | {"path": path}:
                    raise Refused(400, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters")  # fmt: skip  # noqa: E501
                return status, answer
            status, answer = 200, self.act(handler.command, path.split("/")[2:], given, fault)
        except Refused as refused:
            status, answer = refused.status, {"error": refused.error}
        if key:
            self.answers[key] = (given | {"path": path}, status, json.loads(json.dumps(answer)))
        return status, answer

    def act(self, verb: str, path: list[str], given: dict[str, str], fault: str) -> dict[str, Any]:
        match verb, path:
            case "POST", ["payment_methods"]:
                self.only(given, METHOD)
                return self.make_method(given)
            case "POST", ["payment_intents"]:
                self.only(given, CREATE)
                id = f"pi_{uuid.uuid4().hex}"
                intent = {"id": id, "object": "payment_intent", "amount": int(given["amount"]),
                          "currency": given["currency"], "status": "requires_payment_method",
                          "latest_charge": None}  # fmt: skip
                self.intents[id] = intent
                return dict(intent)
            case "GET", ["payment_intents", name]:
                self.only(given, {"expand[0]"})
                return dict(self.intent(name))
            case "POST", ["payment_intents", name, "cancel"]:
                self.only(given, set())
                intent = self.intent(name)
                if intent["status"] in ("succeeded", "canceled", "processing"):
                    raise Refused(400, "invalid_request_error", "payment_intent_unexpected_state", "can't be canceled")
                intent["status"] = "canceled"
                return dict(intent)
            case "POST", ["payment_intents", name, "confirm"]:
                self.only(given, CONFIRM)
                return self.confirm(self.intent(name), given, fault)
        raise Refused(404, "invalid_request_error", "", "Unrecognized request URL")

    def make_method(self, given: dict[str, str]) -> dict[str, Any]:
        number = given["card[number]"]
        if not 2026 <= int(given["card[exp_year]"]) < 2100:
            raise Refused(402, "card_error", "invalid_expiry_year", "Your card's expiration year is invalid.")
        method = {"id": f"pm_{uuid.uuid4().hex}", "object": "payment_method", "type": "card"}
        self.methods[method["id"]] = {"number": number}
        return method

    def confirm(self, intent: dict[str, Any], given: dict[str, str], fault: str) -> dict[str, Any]:
        if intent["status"] != "requires_payment_method":
            raise Refused(400, "invalid_request_error", "payment_intent_unexpected_state", "can't be confirmed")
        number = self.methods[given["payment_method"]]["number"]
        if number in DECLINES:
            code, decline = DECLINES[number]
            raise Refused(402, "card_error", code, "Your card was declined.", decline_code=decline)
        intent["status"] = fault if fault in ("processing", "requires_action") else "succeeded"
        card = {"brand": "visa", "last4": number[-4:]}
        intent["latest_charge"] = {"id": "ch_1", "object": "charge", "payment_method_details": {"card": card}}
        return dict(intent)

    def intent(self, name: str) -> dict[str, Any]:
        if name not in self.intents:
            raise Refused(404, "invalid_request_error", "resource_missing", "No such payment_intent")
        return self.intents[name]

    @staticmethod
    def only(given: dict[str, str], known: set[str]) -> None:
        for name in set(given) - known:
            raise Refused(400, "invalid_request_error", "parameter_unknown", f"Received unknown parameter: {name}")
