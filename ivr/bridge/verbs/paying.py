"""The orders of a payment: the agent begins one with the customer on the line, and may stop it."""

from __future__ import annotations

import re

from ivr.bridge.orders import busy, payment_goes_on, verb
from ivr.bridge.state import Order, StopPayment, TakePayment
from ivr.bridge.turn import Turn

_ACCOUNT = re.compile(r"[0-9A-Za-z-]{0,40}")
MOST_AMOUNT = 10**12


@verb
def pay(turn: Turn, order: Order) -> str:
    """Take a payment, for `account` of `amount` minor units, or what the customer says of either: he is asked for his
    card and keys it, nobody hears him, and the agent stays."""
    if why := busy(turn) or payment_goes_on(turn):
        return why
    state = turn.state
    if not state.payments:
        return "no payment can be taken on this call"
    if state.consulted:
        return "there is a third party: complete, or return"
    if state.held or state.secret:
        return "hear the customer first"
    account, amount = order.args.get("account") or "", order.args.get("amount") or 0
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        return "that is no account"
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= MOST_AMOUNT:
        return "the amount is a whole number of minor units"
    if amount and not account:
        return "say for which account"
    turn.set(paying="asking")
    turn.want(TakePayment(order.id, order.by, account, amount))
    return ""


@verb
def pay_stop(turn: Turn, order: Order) -> str:
    """Stop a payment before the card is charged."""
    match turn.state.paying:
        case "":
            return "no payment is being taken"
        case "charging":
            return "the card is being charged: its outcome comes in a moment"
        case "asking":
            turn.set(paying="stopping")
            turn.want(StopPayment(told=True))
    return ""
