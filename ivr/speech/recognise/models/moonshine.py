"""Moonshine (https://arxiv.org/abs/2410.15608), English, as the wheel `moonshine-voice` ships it: an encoder and a
decoder for ONNX Runtime, and a vocabulary. It listens to as much audio as there is, where Whisper listens to a
fixed context, and costs half as much. Its weights are MIT-licensed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivr.speech.recognise.models import Floats, Free

SPACE = "▁"
BEGIN = 1
SHORTEST = 16000
"""Samples at 16 kHz; shorter audio is padded: the model was not trained on less."""
STRIDE = 384
AUDIO = ".encoder."
"""In the names of what the decoder keeps of the audio; it gives that in the first step only."""
ODDEST = 32768
BYTES_FROM = 3
"""Tokens 3 to 258 are single bytes, as in every vocabulary of this kind."""


@dataclass(frozen=True, slots=True)
class State:
    kept: dict[str, Floats]
    """What the decoder keeps of the tokens: a row for each reading."""
    audio: dict[str, Any]
    """What it is given of the audio, one row for all readings: it need not be copied for each at every step."""
    interest: NDArray[np.int64]


class Moonshine:
    name = "moonshine"
    end = 2

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # busy waiting would take the core from the other worker
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def load(name: str) -> Any:
            return onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

        self._encoder, self._decoder = load("encoder_model.ort"), load("decoder_model_merged.ort")
        self._takes = {given.name for given in self._decoder.get_inputs()}
        self._gives = [given.name for given in self._decoder.get_outputs()]
        self._gives_later = [name for name in self._gives if AUDIO not in name]
        self._shapes = {
            given.name: [size if isinstance(size, int) else 0 for size in given.shape]
            for given in self._decoder.get_inputs()
            if given.name.startswith("past_key_values")
        }
        self._vocabulary = vocabulary((folder / "tokenizer.bin").read_bytes())
        # a character that is also a byte's token is written with its own, the later one
        self._numbers = {piece: number for number, piece in enumerate(self._vocabulary)}
        self.tokens = lru_cache(maxsize=4096)(self._tokens)

    def _tokens(self, text: str) -> tuple[int, ...]:
        """Byte pair encoding: of all neighbours that make a token, the one learned first is joined first."""
        parts = [character.encode() for character in text.replace(" ", SPACE)]
        while True:
            joins = [(self._numbers.get(a + b, ODDEST), at) for at, (a, b) in enumerate(pairwise(parts))]
            number, at = min(joins, default=(ODDEST, 0))
            if number == ODDEST:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(
            number
            for part in parts
            for number in ([self._numbers[part]] if part in self._numbers else [BYTES_FROM + byte for byte in part])
        )

    def encode(self, audio: Floats, kind: str) -> Floats:
        padded = np.pad(audio, (0, max(0, SHORTEST - len(audio))))[None].astype(np.float32)
        mask = np.ones(padded.shape, dtype=np.int64)
        return np.asarray(self._encoder.run(None, {"input_values": padded, "attention_mask": mask})[0])

    def begin(self, encoded: Floats, kind: str, interest: NDArray[np.int64]) -> tuple[Floats, State]:
        empty = {
            name: np.zeros((1, *shape[1:2], 0, shape[3]), dtype=np.float32) for name, shape in self._shapes.items()
        }
        audio = {
            "encoder_hidden_states": encoded,
            # the decoder takes the mask of the samples, of which it looks at every STRIDEth
            "encoder_attention_mask": np.ones((1, encoded.shape[1] * STRIDE), dtype=np.int64),
        }
        logits, kept = self._run([BEGIN], audio | empty, self._gives)
        audio |= {name: kept.pop(name) for name in list(kept) if AUDIO in name}
        return _log_softmax(logits)[:, interest], State(kept, audio, interest)

    def step(self, state: State, parents: list[int], tokens: list[int]) -> tuple[Floats, State]:
        own = {name: value[parents] for name, value in state.kept.items()}
        logits, kept = self._run(tokens, state.audio | own, self._gives_later)
        return _log_softmax(logits)[:, state.interest], State(kept, state.audio, state.interest)

    def free(self, encoded: Floats, limit: int, hints: str = "") -> Free:
        every = np.arange(len(self._vocabulary))
        scores, state = self.begin(encoded, "", every)
        written: list[int] = []
        total = 0.0
        while True:
            token = int(scores[0].argmax())
            total += float(scores[0, token])
            if token == self.end or len(written) >= limit:
                break
            written.append(token)
            scores, state = self.step(state, [0], [token])
        text = b"".join(self._vocabulary[token] for token in written).decode("utf-8", "replace")
        return Free(text.replace(SPACE, " ").strip(), total)

    def _run(self, tokens: list[int], given: dict[str, Any], gives: list[str]) -> tuple[Floats, dict[str, Floats]]:
        given = {
            "input_ids": np.array(tokens, dtype=np.int64)[:, None],
            "use_cache_branch": np.array([gives is self._gives_later]),
            **given,
        }
        found = self._decoder.run(gives, {name: value for name, value in given.items() if name in self._takes})
        kept = zip(gives[1:], found[1:], strict=True)
        return found[0][:, -1], {name.replace("present", "past_key_values"): value for name, value in kept}


def vocabulary(data: bytes) -> list[bytes]:
    """The tokens' bytes in order: each with its length before it, in one byte, or two for 128 and more."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = length - 128 + 128 * data[at]
            at += 1
        found.append(data[at : at + length])
        at += length
    return found


def _log_softmax(x: Floats) -> Floats:
    away = x - x.max(axis=-1, keepdims=True)
    return np.asarray(away - np.log(np.exp(away).sum(axis=-1, keepdims=True)))
