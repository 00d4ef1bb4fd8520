"""How well the intent router understands, and how well it knows when it doesn't.

    python bench/intents.py            the numbers
    python bench/intents.py -v         and every sentence that went wrong

Three questions, on sentences that were written for this and are in no flow file:

1. The demo's own flows: do new paraphrases lead where they should (`held_out` in bench/intents_data/demo.yaml)?
2. A wider set of 15 intents, trained on its own examples, tested on its own paraphrases (wider.yaml).
3. Questions that no intent is meant by (out_of_scope.yaml): how many are rightly not believed, beside 1 and 2? None of
   them is like the `out_of_scope` examples that the demo is trained with.

"Taken" is at or above the band `accept`, "confirmed" between `confirm` and `accept`: the caller is asked first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ivr.actions import specs
from ivr.flow.intents import Intents
from ivr.flow.load import read_folders
from ivr.flow.model import Company, FlowSet

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "intents_data"
ACCEPT, CONFIRM = 0.75, 0.4


class Tally:
    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.times: list[float] = []

    def ask(self, intents: Intents, sentence: str, language: str) -> tuple[str, float]:
        begun = time.perf_counter()
        found = intents.match(sentence, language)
        self.times.append(time.perf_counter() - begun)
        return (found.intent, found.sure) if found else ("", 0.0)

    def inside(self, title: str, intents: Intents, held_out: Mapping[str, Sequence[str]], language: str) -> None:
        best = 0
        counts = dict.fromkeys(("right", "confirmed", "unknown", "wrong", "wrong, confirmed"), 0)
        for intent, sentences in held_out.items():
            for sentence in sentences:
                found, sure = self.ask(intents, sentence, language)
                right = found == intent
                best += right
                kind = (
                    "unknown" if sure < CONFIRM
                    else ("right" if sure >= ACCEPT else "confirmed") if right
                    else ("wrong" if sure >= ACCEPT else "wrong, confirmed")
                )  # fmt: skip
                counts[kind] += 1
                if self.verbose and kind != "right":
                    print(f"    {kind:17} {sure:4.2f} {intent} -> {found}: {sentence}")
        total = sum(counts.values())
        print(f"{title}: {total} sentences, the right intent is the likeliest for {best / total:.1%}")
        print(
            f"  understood {(counts['right'] + counts['confirmed']) / total:6.1%}"
            f"  (taken {counts['right'] / total:.1%}, confirmed first {counts['confirmed'] / total:.1%})"
        )
        print(f"  asked again {counts['unknown'] / total:5.1%}")
        print(
            f"  misled {counts['wrong'] / total:10.1%}  (wrongly proposed {counts['wrong, confirmed'] / total:.1%}, "
            f"which the caller refuses)"
        )

    def outside(self, title: str, intents: Intents, sentences: Sequence[str], language: str) -> None:
        sures = []
        for sentence in sentences:
            found, sure = self.ask(intents, sentence, language)
            sures.append(sure)
            if self.verbose and sure >= CONFIRM:
                print(f"    {'taken' if sure >= ACCEPT else 'proposed':17} {sure:4.2f} -> {found}: {sentence}")
        total = len(sures)
        rejected = sum(sure < CONFIRM for sure in sures)
        taken = sum(sure >= ACCEPT for sure in sures)
        print(f"{title}: {total} questions out of scope")
        print(f"  rejected {rejected / total:.1%}, proposed {(total - rejected - taken) / total:.1%}, ", end="")
        print(f"wrongly taken {taken / total:.1%}")


def demo() -> Intents:
    flows, problems = read_folders(ROOT / "flows", ROOT / "prompts", specs())
    assert not problems
    return flows.intents


def wider(content: Mapping[str, Mapping[str, Mapping[str, list[str]]]], language: str) -> Intents:
    """The wider set's training examples as a set of flows."""
    intents = {name: {"examples": {language: both["examples"]}} for name, both in content["intents"].items()}
    files = {"intents": {"intents": intents}}
    return Intents(FlowSet(Company(name="bench", languages=[language]), {}, {}, {}, {}, files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="list what went wrong")
    tally = Tally(parser.parse_args().verbose)
    read = {path.stem: yaml.safe_load(path.read_text()) for path in DATA.glob("*.yaml")}
    outside = read["out_of_scope"]

    def trained(intents: Intents) -> float:
        begun = time.perf_counter()
        intents.train()
        return time.perf_counter() - begun

    own = demo()
    print(f"demo: trained in {trained(own):.2f} s")
    for language, held_out in read["demo"].items():
        tally.inside(f"demo ({language})", own, held_out, language)
        tally.outside(f"demo ({language})", own, outside[language], language)
    large = wider(read["wider"], "en")
    print(f"wider set: trained in {trained(large):.2f} s, without any out-of-scope example")
    tests = {name: both["held_out"] for name, both in read["wider"]["intents"].items()}
    tally.inside("wider set (en)", large, tests, "en")
    # The provider of the wider set may well be asked these.
    others = [sentence for sentence in outside["en"] if sentence not in read["wider"]["meant_after_all"]]
    tally.outside("wider set (en)", large, others, "en")
    times = sorted(tally.times)
    print(f"time per sentence: median {statistics.median(times) * 1e3:.2f} ms, ", end="")
    print(f"p99 {times[int(len(times) * 0.99)] * 1e3:.2f} ms, worst {times[-1] * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
