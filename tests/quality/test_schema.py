"""The schema for editors takes what the check takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from callcenter.quality import QualityFile
from ivr.cli import main
from tests.quality.support import FILE

SHIPPED = Path(__file__).parents[2] / "flows" / "quality.yaml"


@pytest.fixture
def schema(capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(["schema", "quality"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_is_right_and_wrong(schema: Any) -> None:
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    QualityFile.model_validate(shipped)
    for good in (FILE, shipped):
        jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**FILE, "form": {}}, schema)
