"""A recogniser that fails in the middle of 20 calls: none is lost, and keys work. `bench/speech/faults.py` measures how
long callers hear nothing meanwhile."""

from __future__ import annotations

import pytest

from bench.speech import faults
from bench.speech.callers import callers
from ivr.speech.recognise import Want, chain

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(300)]

CALLS = 20


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_no_call_is_lost_and_keys_work(fault: str) -> None:
    if not callers() or not chain(Want(kind="menu")):
        pytest.skip("needs voices and a recogniser: pip install 'callwright[voice,speech]'")
    outcome = faults.run(fault, CALLS)
    assert outcome.goodbyes == CALLS, outcome
    assert outcome.heard + outcome.unheard > 0, outcome
    if fault == "hung":
        assert outcome.unheard == CALLS, outcome
