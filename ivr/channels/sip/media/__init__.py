"""RTP media in a process of its own: playing, receiving, keys, recording (RFC 3550, 3551, 4733, 4961).

`Media.start()` begins it, `media.open()` gives a `Stream` per call leg. The process: `engine` takes commands
(`commands`, `protocol`), `loop` sends and receives on time, `stream` is one call's state.
"""
