"""Chat on a company's site: the widget and what it fetches by HTTP. Talking is done over the live process's WebSocket,
see `ivr/live/endpoints/chat.py`."""
