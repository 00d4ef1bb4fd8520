"""What is rendered before anybody calls."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ivr.flow.template import parse
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import pieces
from ivr.speech.prerender import static_prompts

KEYS = [*"0123456789", "star", "pound"]
TAGS = ["<break/>", "<emphasis>ab</emphasis>", '<prosody rate="slow">{name} b {x|money} a</prosody>']
SLOTS = {"x": 4250, "name": "Ann"}


def rendered(folder: Path) -> list[str]:
    """What is rendered ahead for a folder of prompts."""
    said = [piece for prompt in static_prompts(Catalogue.read(folder)) for piece in pieces(prompt)]
    return [piece.text for piece in said if not piece.seconds]


@cache
def engine() -> list[str]:
    """What Callwright itself says, with the keys before it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "en").mkdir()
        return rendered(Path(folder))


def static(folder: Path, text: str) -> list[str]:
    """What is rendered ahead for a catalogue of one text, less the keys and what Callwright itself says."""
    (folder / "en").mkdir(exist_ok=True)
    quoted = text.replace("'", "''")
    (folder / "en" / "main.yaml").write_text(f"one: '{quoted}'\n")
    found = rendered(folder)
    own = len(found) - len(engine())
    assert [*found[: len(KEYS)], *found[len(KEYS) + own :]] == engine()  # by id: `one` stands before `system`
    return found[len(KEYS) : len(KEYS) + own]


def test_what_is_rendered_ahead(tmp_path: Path) -> None:
    assert static(tmp_path, "Welcome. Press 1.") == ["Welcome. Press 1."]
    assert static(tmp_path, "You owe {x|money}. Account {a|digits}, thanks.") == ["You owe,", "Account,", "thanks."]
    assert static(tmp_path, "Hello, {name}. You owe {x|money} now.") == ["now."]
    assert static(tmp_path, "Two {{braces}}.") == ["Two {braces}."]
    assert static(tmp_path, "{broken|nonsense} text") == []
    tagged = 'Pay <emphasis>now</emphasis>, <break/>{name}. <say-as interpret-as="digits">12</say-as>'
    assert static(tmp_path, tagged) == ["Pay,", "now,", "1", "2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(st.text(alphabet="ab .,!?", max_size=12), st.sampled_from(["{x|money}", "{name}", *TAGS])), max_size=6
    )
)
@example(["<emphasis>ab</emphasis>", " "])
@example(["<emphasis>ab</emphasis>", " .", "a"])
def test_what_is_rendered_ahead_is_what_a_call_asks_for(tmp_path: Path, chunks: list[str]) -> None:
    text = "".join(chunks)
    filled = [piece.text for piece in pieces(Prompt(parse(text).fill(SLOTS), "en")) if not piece.seconds]
    ahead = static(tmp_path, text)
    assert set(ahead) <= set(filled)
    left = [piece for piece in filled if piece not in ahead]
    assert all("dollars" in piece or "Ann" in piece for piece in left)


def test_each_prompt_keeps_its_id_where_a_recording_may_be_played(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "main.yaml").write_text("hi: Hello.\ndue: 'Due {x|money}'\n")
    prompts = list(static_prompts(Catalogue.load(tmp_path)))
    assert Prompt((Part("text", "Hello."),), "en", "hi") in prompts
    assert Prompt((Part("text", "Due,"),), "en") in prompts
