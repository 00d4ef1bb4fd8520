"""Articles for tests, beside the sample company's flows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivr.flow.model import FlowSet
from ivr.flow.problems import Problem
from tests.flow import sample

METER = """\
---
title: Reading the meter
questions: [how do I read my meter, where is my meter, send you a meter reading]
answer: Write down the black figures.
tags: [meters]
---
The **red** figures are fractions.
"""
DEPOSIT = """\
---
title: Getting the deposit back
questions: [when do I get my deposit back, where is my deposit refund, will you return my deposit]
answer: Within thirty days.
queues: [billing]
---
"""


def company(tmp_path: Path, files: Mapping[str, str]) -> tuple[FlowSet, list[Problem]]:
    """The sample company with these articles: `en/meter.md` is a name. Paths with a folder of their own
    (`flows/main.yaml`) are files of the company."""
    written = {
        name if "/" in name and name[:5] == "flows" else f"flows/knowledge/{name}": text for name, text in files.items()
    }
    return sample.flow_set(tmp_path, {"flows/queues.yaml": "queues: {billing: {}}\n", **written})


def told(tmp_path: Path, files: Mapping[str, str]) -> list[str]:
    """The problems in articles, as a person reads them but without folders: `en/meter.md:2:8 ...`."""
    found = company(tmp_path, files)[1]
    shown = [str(problem) for problem in found if "/knowledge" in problem.mark.file]
    return [one.replace(f"{tmp_path}/flows/knowledge/", "") for one in shown]
