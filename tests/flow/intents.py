"""A company whose callers say what they want in words of their own, for the tests of intents."""

from __future__ import annotations

from pathlib import Path

from ivr.flow.model import FlowSet
from tests.flow import sample

INTENTS = """\
intents:
  pay_bill:
    label: pay a bill
    slots: {amount: money, account: {as: digits, length: 4}}
    examples:
      en:
        - I want to pay my bill
        - pay my bill
        - make a payment
        - pay {amount} on account {account}
        - pay the invoice
        - I'd like to pay
        - settle my account
        - pay with my card
      es:
        - quiero pagar mi factura
        - pagar la cuenta
        - hacer un pago
        - pagar {amount}
        - pagar con tarjeta
  hours:
    label: hear our hours
    examples:
      en:
        - when are you open
        - what are your hours
        - when do you close
        - are you open today
        - opening hours
        - office hours
        - what time do you open
        - how late are you open
      es:
        - cuándo abren
        - qué horario tienen
        - a qué hora cierran
        - están abiertos hoy
        - horario de atención
  moving:
    slots: {town: {as: one_of, options: [Springfield, Shelbyville]}, day: date}
    examples:
      en:
        - I am moving house
        - change my address
        - I moved to {town}
        - we are moving {day}
        - I have a new address
        - move my service
        - we moved
        - I'm moving to {town} {day}
      es:
        - me mudo de casa
        - cambiar mi dirección
        - nos mudamos
        - tengo una nueva dirección
        - me mudé a {town}
"""

LISTEN = """\
steps:
  how:
    listen: How can we help?
    intents: {pay_bill: pay, hours: hours, moving: moving}
    exits: {unsupported: menu}
  menu:
    menu: What is it?
    choices: [{key: 1, label: pay a bill, words: [bill], go: pay}]
    intents: {hours: hours, moving: moving}
  pay: {ask: "Pay {amount|money}?", as: yes_no, next: how}
  hours: {ask: Always., as: yes_no, next: how}
  moving: {ask: 'Where to?', as: text, exits: {done: how, unsupported: end}}
"""

FILES: dict[str, str | None] = {
    "flows/main.yaml": LISTEN,
    "flows/bill.yaml": None,
    "flows/intents.yaml": INTENTS,
    "flows/company.yaml": sample.COMPANY,
}
"""With a warning: `amount` may be unfilled where it is said."""


def usable(folder: Path, intents: str = INTENTS) -> FlowSet:
    """The company without that warning."""
    plain = LISTEN.replace("Pay {amount|money}?", "Pay?")
    return sample.usable(folder, {**FILES, "flows/main.yaml": plain, "flows/intents.yaml": intents})
