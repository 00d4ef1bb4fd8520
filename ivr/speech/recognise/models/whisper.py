"""Whisper (https://arxiv.org/abs/2212.04356) in the CTranslate2 format that faster-whisper reads.

CTranslate2 encodes and decodes freely. Under a grammar we decode ourselves, in numpy: CTranslate2 can forbid tokens
but not follow an automaton, nor tell scores of given readings. The decoder of the tiny model costs a few milliseconds
a step for eight readings. The audio context is shortened from 30 s to `CONTEXT` seconds, which divides the encoder's
work by four and more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivr.speech.recognise.models import Floats, Free, ct2file

CONTEXT = {"digits": 15.0, "phrases": 8.0, "open": 15.0}
"""Seconds, by kind of grammar. Digits are lost with a shorter one, phrases only in noise (`decoded`)."""
LONGEST = 30.0
MEL_RATE = 100
PROMPTS = {"digits": " eight zero nine six one four seven two five three", "phrases": ""}
"""What "was said before", so that numbers are expected as words and not in numerals."""
NORMALISER = 6000
"""Tokens that probabilities are normalised over, the most usual ones of the vocabulary: the others' share is small
and would take most of the decoder's time."""
LONGEST_HINTS = 120
"""Tokens; Whisper takes 223 before an utterance."""
HEAD = 64  # the width of an attention head in every Whisper model


@dataclass(frozen=True, slots=True)
class Encoded:
    view: Any
    """CTranslate2's own, for decoding freely."""
    cross: list[tuple[Floats, Floats]]
    """Per layer keys (heads, HEAD, time) and values (heads, time, HEAD) for attention to the audio."""


@dataclass(frozen=True, slots=True)
class State:
    encoded: Encoded
    own: list[tuple[Floats, Floats]]
    """Per layer keys and values (readings, heads, length, HEAD) for attention to what was written."""
    extra: Floats
    """Embeddings of tokens of interest that are not usual ones, transposed."""
    where: NDArray[np.int64]
    """The column of each token of interest: among the usual ones, then the extra ones."""


class Whisper:
    name = "whisper"

    def __init__(self, folder: Path) -> None:
        import ctranslate2
        from faster_whisper.feature_extractor import FeatureExtractor
        from tokenizers import Tokenizer

        self._engine = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1
        )
        self._features = FeatureExtractor(feature_size=self._engine.n_mels)
        self._array = ctranslate2.StorageView.from_array
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._load(ct2file.read(folder / "model.bin", "decoder/"))

        def special(name: str) -> int:
            number = self._tokenizer.token_to_id(name)
            if number is None:
                raise ValueError(f"{folder}: the tokenizer has no {name}")
            return int(number)

        self.end = special("<|endoftext|>")
        self._start = [special("<|startoftranscript|>"), special("<|notimestamps|>")]
        if self._engine.is_multilingual:
            self._start[1:1] = [special("<|en|>"), special("<|transcribe|>")]
        self._previous = special("<|startofprev|>")
        self._prompts = {
            kind: [self._previous, *self.tokens(text), *self._start] if text else self._start
            for kind, text in PROMPTS.items()
        }
        usual = np.append(np.arange(NORMALISER), self.end)
        self._usual = np.ascontiguousarray(self._embedding[usual].T)
        self._column = {int(token): column for column, token in enumerate(usual)}

    def tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode(self, audio: Floats, kind: str) -> Encoded:
        seconds = min(max(CONTEXT[kind], len(audio) / 16000 + 0.5), LONGEST)
        count = int(seconds * MEL_RATE)
        mel = self._features(np.pad(audio, (0, max(0, int(seconds * 16000) - len(audio)))), padding=False)[:, :count]
        # the model's positions come in pairs of frames
        mel = np.ascontiguousarray(mel[None, :, : mel.shape[1] // 2 * 2], dtype=np.float32)
        view = self._engine.encode(self._array(mel))
        heard = np.array(view)[0]
        return Encoded(view, [self._audio_side(heard, layer) for layer in self._layers])

    def begin(self, encoded: Encoded, kind: str, interest: NDArray[np.int64]) -> tuple[Floats, State]:
        extra = [int(token) for token in interest if int(token) not in self._column]
        column = self._column | {token: len(self._column) + at for at, token in enumerate(extra)}
        where = np.array([column[int(token)] for token in interest])
        state = State(encoded, [], np.ascontiguousarray(self._embedding[extra].T), where)
        return self._run(state, np.array([self._prompts[kind]]))

    def step(self, state: State, parents: list[int], tokens: list[int]) -> tuple[Floats, State]:
        own = [(keys[parents], values[parents]) for keys, values in state.own]
        return self._run(replace(state, own=own), np.array(tokens)[:, None])

    def free(self, encoded: Encoded, limit: int, hints: str = "") -> Free:
        told = [self._previous, *self.tokens(f" {hints}")[-LONGEST_HINTS:]] if hints else []
        found = self._engine.generate(
            encoded.view,
            [[*told, *self._start]],
            beam_size=1,
            max_length=limit + len(told) + len(self._start),
            return_scores=True,
            return_no_speech_prob=True,
            length_penalty=0,
        )[0]
        return Free(
            self._tokenizer.decode(found.sequences_ids[0]).strip(), float(found.scores[0]), float(found.no_speech_prob)
        )

    # The decoder

    def _load(self, weights: dict[str, Floats]) -> None:
        def of(name: str) -> Floats:
            return weights[f"decoder/{name}"]

        def linear(name: str) -> tuple[Floats, Floats]:
            return np.ascontiguousarray(of(f"{name}/weight").T), of(f"{name}/bias")

        def norm(name: str) -> tuple[Floats, Floats]:
            return of(f"{name}/gamma"), of(f"{name}/beta")

        self._embedding = of("embeddings/weight")
        self._positions = of("position_encodings/encodings")
        self._last_norm = norm("layer_norm")
        self._width = self._embedding.shape[1]
        self._heads = self._width // HEAD
        self._layers: list[dict[str, tuple[Floats, Floats]]] = []
        while f"decoder/layer_{len(self._layers)}/ffn/linear_0/weight" in weights:
            at = f"layer_{len(self._layers)}"
            self._layers.append(
                {
                    "own_norm": norm(f"{at}/self_attention/layer_norm"),
                    "own_in": linear(f"{at}/self_attention/linear_0"),
                    "own_out": linear(f"{at}/self_attention/linear_1"),
                    "audio_norm": norm(f"{at}/attention/layer_norm"),
                    "audio_query": linear(f"{at}/attention/linear_0"),
                    "audio_in": linear(f"{at}/attention/linear_1"),
                    "audio_out": linear(f"{at}/attention/linear_2"),
                    "ffn_norm": norm(f"{at}/ffn/layer_norm"),
                    "ffn_in": linear(f"{at}/ffn/linear_0"),
                    "ffn_out": linear(f"{at}/ffn/linear_1"),
                }
            )

    def _audio_side(self, heard: Floats, layer: dict[str, tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        keys, values = np.split(_apply(heard, layer["audio_in"]), 2, axis=-1)
        shape = (len(heard), self._heads, HEAD)
        return (
            np.ascontiguousarray(keys.reshape(shape).transpose(1, 2, 0)),
            np.ascontiguousarray(values.reshape(shape).transpose(1, 0, 2)),
        )

    def _run(self, state: State, tokens: NDArray[np.int64]) -> tuple[Floats, State]:
        count, length = tokens.shape
        before = state.own[0][0].shape[2] if state.own else 0
        x = self._embedding[tokens] + self._positions[before : before + length]
        own: list[tuple[Floats, Floats]] = []
        for number, layer in enumerate(self._layers):
            mixed = _apply(_norm(x, layer["own_norm"]), layer["own_in"])
            query, keys, values = (
                part.reshape(count, length, self._heads, HEAD).transpose(0, 2, 1, 3)
                for part in np.split(mixed, 3, axis=-1)
            )
            if state.own:
                keys = np.concatenate([state.own[number][0], keys], axis=2)
                values = np.concatenate([state.own[number][1], values], axis=2)
            own.append((keys, values))
            scores = query @ keys.transpose(0, 1, 3, 2) / np.float32(8)
            if length > 1:  # no token looks at later ones
                scores[..., before:] += np.triu(np.full((length, length), -1e9, dtype=np.float32), 1)
            seen = (_softmax(scores) @ values).transpose(0, 2, 1, 3).reshape(count, length, self._width)
            x = x + _apply(seen, layer["own_out"])
            asked = _apply(_norm(x, layer["audio_norm"]), layer["audio_query"])
            asked = asked.reshape(count * length, self._heads, HEAD).transpose(1, 0, 2)
            audio_keys, audio_values = state.encoded.cross[number]
            seen = _softmax(asked @ audio_keys / np.float32(8)) @ audio_values
            x = x + _apply(seen.transpose(1, 0, 2).reshape(count, length, self._width), layer["audio_out"])
            x = x + _apply(_gelu(_apply(_norm(x, layer["ffn_norm"]), layer["ffn_in"])), layer["ffn_out"])
        last = _norm(x[:, -1], self._last_norm)
        scores = np.concatenate([last @ self._usual, last @ state.extra], axis=1)
        return scores[:, state.where] - _log_sum(scores), replace(state, own=own)


def _apply(x: Floats, weights: tuple[Floats, Floats]) -> Floats:
    return np.asarray(x @ weights[0] + weights[1])


def _norm(x: Floats, weights: tuple[Floats, Floats]) -> Floats:
    away = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(away / np.sqrt((away * away).mean(axis=-1, keepdims=True) + 1e-5) * weights[0] + weights[1])


def _softmax(x: Floats) -> Floats:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _log_sum(x: Floats) -> Floats:
    top = x.max(axis=-1, keepdims=True)
    return np.asarray(top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True)))


def _gelu(x: Floats) -> Floats:
    return np.asarray(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x))), dtype=np.float32)
