"""What may be ordered in a conversation, by sense: every verb registers itself by `ivr.bridge.orders.verb`."""
