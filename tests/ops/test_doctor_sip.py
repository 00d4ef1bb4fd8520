"""What `callwright doctor` says of TLS and SRTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.channels.sip import encryption
from ivr.doctor import _encryption
from ivr.finding import Finding
from ivr.settings import Settings
from tests.channels.sip.tls import make_certificate


def found(**given: Any) -> list[Finding]:
    return list(_encryption(Settings(_env_file=None, **given)))


def test_required_without_tls_has_to_be_mended() -> None:
    [finding] = found(sip_srtp="optional,203.0.113.0/24=required")
    assert finding.well is False
    assert "keys go over TLS alone" in finding.found
    assert "SIP_TLS_CERT" in finding.fix


def test_optional_without_tls_is_worth_knowing() -> None:
    [finding] = found()
    assert (finding.well, finding.found) == (None, "never used: keys go over TLS alone")


@pytest.mark.parametrize("registered", [True, False])
def test_with_tls_it_is_well(tmp_path: Path, registered: bool) -> None:
    cert, key = make_certificate(tmp_path)
    tls = {"sip_register": "a:b@pbx.example.com;transport=TLS"} if registered else {}
    own = {} if registered else {"sip_tls_cert": str(cert), "sip_tls_key": str(key)}
    [finding] = found(sip_srtp="required", **tls, **own)
    assert finding.well


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    cert, _ = make_certificate(tmp_path)
    for given in ({"sip_tls_cert": str(cert)}, {"sip_tls_cert": str(tmp_path / "none.pem")}):
        finding = found(**given)[0]
        assert (finding.what, finding.well) == ("SIP_TLS_CERT", False)
        assert finding.fix


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "available", lambda: False)
    assert [(one.well, one.fix) for one in found()] == [(None, "pip install pylibsrtp")]
    assert [one.well for one in found(sip_srtp="required")] == [False]


def test_keys_in_the_clear_and_none_at_all_are_said() -> None:
    assert "can be read" in found(sip_srtp_without_tls=True)[0].found
    assert "off" in found(sip_srtp="off")[0].found
