from tests.channels.sip.conftest import pytest_pyfunc_call
from tests.valkey import mortal_valkey, valkey, valkey_server
from tests.voice.conftest import audio

__all__ = ["audio", "mortal_valkey", "pytest_pyfunc_call", "valkey", "valkey_server"]
