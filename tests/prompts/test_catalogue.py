import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow.problems import FlowError
from ivr.prompts.catalogue import ENGINE, Catalogue

GOOD = {
    "en/main.yaml": "greeting: Welcome to Northwind.\npay:\n  thanks: 'Thanks: you paid {amount|money}.'\n",
    "en/more.yaml": "bye: Goodbye.\n",
    "es/main.yaml": "greeting: Bienvenido.\n",
    "en/recordings/greeting.wav": "sound",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(FlowError) as caught:
        Catalogue.load(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def own(catalogue: Catalogue, language: str) -> list[str]:
    return [id for id in catalogue.ids(language) if catalogue.where(language, id)]


def test_texts_places_and_recordings(tmp_path: Path) -> None:
    catalogue = Catalogue.load(write(tmp_path, GOOD))
    assert catalogue.languages == ("en", "es")
    assert own(catalogue, "en") == ["bye", "greeting", "pay.thanks"]
    assert catalogue.text("en", "pay.thanks") == "Thanks: you paid {amount|money}."
    assert catalogue.where("en", "pay.thanks") == (tmp_path / "en/main.yaml", 3, 12)
    assert catalogue.text("es", "bye") is None
    assert catalogue.where("fr", "bye") is None
    assert catalogue.ids("fr") == ()
    assert catalogue.missing() == [("es", "bye"), ("es", "pay.thanks")]
    assert catalogue.recording("en", "greeting") == tmp_path / "en/recordings/greeting.wav"
    assert catalogue.recording("es", "greeting") is None


def test_what_callwright_itself_says_comes_with_it(tmp_path: Path) -> None:
    sorry = {"es-MX/main.yaml": "system: {sorry: Qué pena.}\n", "fr/main.yaml": "bonjour: Bonjour.\n"}
    write(tmp_path, sorry | {"en/recordings/system.sorry.wav": "sound"})
    catalogue = Catalogue.load(tmp_path)
    assert catalogue.languages == ("en", "es-MX", "fr")
    assert catalogue.problems == []
    assert catalogue.text("en", "system.words.repeat") == "repeat, again, say that again"
    assert catalogue.where("en", "system.sorry") is None
    assert catalogue.recording("en", "system.sorry") == tmp_path / "en/recordings/system.sorry.wav"
    assert catalogue.text("es-MX", "system.sorry") == "Qué pena."
    assert own(catalogue, "es-MX") == ["system.sorry"]
    assert set(catalogue.ids("es-MX")) == set(catalogue.ids("en"))
    write(tmp_path, {"en/main.yaml": "system: {no_match: Again., confirm_text: Yes.}\n"})
    again = Catalogue.load(tmp_path)
    assert again.text("en", "system.no_match_speech") is None  # `no_match` is said instead
    assert again.text("en", "system.confirm_speech") == "That was {answer}. Is that right?"
    assert again.text("en", "system.confirm_text") == "Yes."
    assert catalogue.ids("fr") == ("bonjour",)


@pytest.mark.parametrize("path", sorted(ENGINE.iterdir()), ids=lambda path: path.stem)
def test_callwright_says_the_same_in_each_language(path: Path, tmp_path: Path) -> None:
    (tmp_path / path.stem).mkdir()
    shutil.copy(path, tmp_path / path.stem)
    catalogue = Catalogue.load(tmp_path)
    assert set(own(catalogue, path.stem)) == set(Catalogue.load(write(tmp_path, {"en/a.yaml": "a: b"})).ids("en")) - {
        "a"
    }


def test_digest_changes_with_texts_and_recordings_only(tmp_path: Path) -> None:
    first = Catalogue.load(write(tmp_path, GOOD)).digest
    write(tmp_path, {"en/more.yaml": "# a comment\nbye:   Goodbye.\n"})
    assert Catalogue.load(tmp_path).digest == first
    write(tmp_path, {"en/recordings/greeting.wav": "another sound"})
    second = Catalogue.load(tmp_path).digest
    write(tmp_path, {"en/more.yaml": "bye: So long.\n"})
    assert len({first, second, Catalogue.load(tmp_path).digest}) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [\n", "en/main.yaml:2:1: not valid YAML"),
        ("a: one\na: two\n", "en/main.yaml:2:1: 'a' stands twice"),
        ("a.b: one\na:\n  b: two\n", "en/main.yaml:"),
        ("a: 5\n", "en/main.yaml:1:4: the prompt 'a' is not a text; put the words in quotes"),
        ("a: true\n", "en/main.yaml:1:4: the prompt 'a' is not a text"),
        ("a: [one, two]\n", "en/main.yaml:1:4: the prompt 'a' is not a text"),
        ("a:\n", "en/main.yaml:1:3: the prompt 'a' is empty"),
        ("a: ' '\n", "en/main.yaml:1:5: the prompt 'a' is empty"),
        ("a b: text\n", "en/main.yaml:1:1: 'a b' can't be the name of a prompt"),
        ("../a: text\n", "en/main.yaml:1:1: '../a' can't be the name of a prompt"),
        ("- a\n", "en/main.yaml:1:1: a prompts file holds names and texts"),
        ("a: &x text\nb: *x\n", "en/main.yaml:1:4: anchors (&) and aliases (*) are not used here"),
        ("a: " + "x" * 2001, "en/main.yaml:1:4: the prompt 'a' is longer than 2000 characters"),
        (
            "".join(f"{' ' * n}k{n}:\n" for n in range(11)) + " " * 11 + "k: x",
            "en/main.yaml:10:10: nested more than 10",
        ),
        ("a: " + "[" * 5000, "en/main.yaml:"),
        ("{a: " * 5000, "en/main.yaml:"),
    ],
)
def test_mistakes_have_a_place_and_a_remedy(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(write(tmp_path, {"en/main.yaml": text}))
    assert len(found) == 1
    assert found[0].startswith(said)
    assert "; " in found[0]


def test_a_name_in_two_files_is_a_mistake(tmp_path: Path) -> None:
    found = mistakes(write(tmp_path, {"en/a.yaml": "x: one\n", "en/b.yaml": "x: two\n"}))
    assert found == [
        f"en/b.yaml:1:4: the prompt 'x' is there twice; the first is at {tmp_path}/en/a.yaml:1:4; rename or remove one"
    ]


def test_all_mistakes_are_told_at_once_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, GOOD | {"en/bad.yaml": "x: 1\ny: 2\n", "English/a.yaml": "x: y\n", "es/worse.yaml": ": ["})
    catalogue = Catalogue.read(tmp_path)
    assert len(catalogue.problems) == 4
    assert catalogue.text("en", "greeting") == "Welcome to Northwind."


def test_recordings_that_nobody_hears_are_warnings(tmp_path: Path) -> None:
    names = ("unknown.wav", "pay.thanks.mp3", ".DS_Store")
    catalogue = Catalogue.load(write(tmp_path, GOOD | {f"en/recordings/{name}": "x" for name in names}))
    assert [problem.what for problem in sorted(catalogue.problems)] == [
        "the text of 'pay.thanks' has a placeholder, so its recording is never played",
        "no prompt has this name, so nothing plays it",
    ]


def test_two_recordings_of_a_prompt_and_strange_files_are_mistakes(tmp_path: Path) -> None:
    found = mistakes(write(tmp_path, GOOD | {"en/recordings/greeting.mp3": "x", "en/recordings/notes.txt": "x"}))
    assert len(found) == 2


def test_a_large_file_and_no_folder(tmp_path: Path) -> None:
    assert "larger than" in mistakes(write(tmp_path / "large", {"en/a.yaml": "# " + "x" * 1_000_001}))[0]
    assert "no prompts are here" in mistakes(write(tmp_path / "empty", {"x": ""}))[0]
    assert "can't be read" in mistakes(tmp_path / "absent")[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*!|>'\"# \n\t?,", max_size=80).map(str.encode)))
def test_no_file_breaks_the_reader(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "en" / "main.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    catalogue = Catalogue.read(tmp_path)
    assert all(isinstance(catalogue.text("en", id), str) for id in catalogue.ids("en"))


def test_recordings_that_come_and_go_are_seen(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "main.yaml").write_text("hello: Hello.\n")
    catalogue = Catalogue.load(tmp_path)
    assert catalogue.recording("en", "hello") is None
    folder = catalogue.recordings_folder("en")
    folder.mkdir()
    for name in ("hello.mp3", ".hello.wav", "hello.txt"):
        (folder / name).write_bytes(b"x")
    assert catalogue.recording("en", "hello") == folder / "hello.mp3"
    (folder / "hello.flac").write_bytes(b"x")  # of two, the one that `load` would take
    assert catalogue.recording("en", "hello") == folder / "hello.flac"
    for path in folder.glob("hello.*"):
        path.unlink()
    assert catalogue.recording("en", "hello") is None
    assert catalogue.recording("xx", "hello") is None
