from tests.browsers import chromium
from tests.mail.support import mailbox
from tests.valkey import redis_url, valkey
from tests.voice.conftest import audio

__all__ = ["audio", "chromium", "mailbox", "redis_url", "valkey"]
