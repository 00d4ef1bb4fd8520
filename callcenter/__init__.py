"""People and queues: contacts, customers, messages and the event log. Never imports `ivr`."""
