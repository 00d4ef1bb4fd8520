"""SIPp as N callers at once: its scenario, its command line, its figures. The callers' audio is `phones.py`'s."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.sip.media import EVENT_TYPE
from bench.sip.served import at

MEDIA_PORTS = 4000
"""Call n has the RTP port base + 2(n-1); after the last it starts again."""

_HEADERS = """\
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: "caller" <sip:+15550100@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]"""

SCENARIO = f"""\
<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="IVR caller">
  <send retrans="500">
    <![CDATA[
      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{_HEADERS}
      To: <sip:[service]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=caller 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[local_ip_type] [local_ip]
      t=0 0
      m=audio [field0] RTP/AVP 0 {EVENT_TYPE}
      a=rtpmap:0 PCMU/8000
      a=rtpmap:{EVENT_TYPE} telephone-event/8000
      a=fmtp:{EVENT_TYPE} 0-15
      a=ptime:20
      a=sendrecv
    ]]>
  </send>
  <recv response="100" optional="true"></recv>
  <recv response="180" optional="true"></recv>
  <recv response="200" rrs="true" timeout="20000"></recv>
  <send>
    <![CDATA[
      ACK [next_url] SIP/2.0
{_HEADERS}
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
  <recv request="BYE" timeout="30000"></recv>
  <send>
    <![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

    ]]>
  </send>
</scenario>
"""


@dataclass(frozen=True, slots=True)
class Called:
    """What SIPp says of a run. `retransmissions` are SIPp's own, of requests that weren't answered in time."""

    ok: int
    failed: int
    seconds: float
    peak: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class Callers:
    """`total` calls to `target`, up to `at_once` of them at a time, `rate` new ones a second."""

    folder: Path
    target: tuple[str, int]
    at_once: int
    total: int
    rate: float
    media_base: int
    cpu: int
    nice: int = 0

    def run(self) -> Called:
        """Place the calls and wait for their end."""
        scenario = self.folder / "caller.xml"
        scenario.write_text(SCENARIO)
        ports = self.folder / "ports.csv"
        ports.write_text("SEQUENTIAL\n" + "".join(f"{self.media_base + 2 * n};\n" for n in range(MEDIA_PORTS)))
        stats = self.folder / "sipp.csv"
        stats.unlink(missing_ok=True)
        host, port = self.target
        limit = int(self.total / self.rate + 60)
        command = [
            "sipp", f"{host}:{port}", "-sf", str(scenario), "-s", "bench", "-i", host,
            "-inf", str(ports), "-l", str(self.at_once), "-m", str(self.total), "-r", f"{self.rate:.2f}",
            "-nostdin", "-timeout", f"{limit}s", "-timeout_error", "-buff_size", "4000000",
            "-trace_stat", "-fd", "1", "-stf", str(stats), "-trace_err", "-error_file", str(self.folder / "sipp.err"),
        ]  # fmt: skip
        sipp = subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: at(cpu=self.cpu, nice=self.nice),
        )
        try:
            sipp.wait(limit + 30)
        finally:
            if sipp.poll() is None:
                sipp.kill()
                sipp.wait()
        return _read(stats)


def _read(path: Path) -> Called:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    return Called(
        ok=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        seconds=_seconds(last["CallLength(C)"]),
        peak=max(int(row["CurrentCall"]) for row in rows),
        retransmissions=int(last["Retransmissions(C)"]),
    )


def _seconds(text: str) -> float:
    hours, minutes, seconds, microseconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(microseconds) / 1e6
