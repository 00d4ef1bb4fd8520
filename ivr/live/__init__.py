"""The live process: WebSockets of chat visitors and of the desk, fed by `callcenter.live`.

`server` accepts connections, `hub` hears Redis for all of them, `connection` is one page, and each kind of page is one
file in `endpoints/` that registers itself. docs/chat.md has the protocol.
"""
