"""Reads the weights of a CTranslate2 model file (`model.bin`), format version 6, as its serialiser writes them
(ctranslate2, `specs/model_spec.py`: name, shape, type and bytes of each variable, then aliases)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read(path: Path, prefix: str) -> dict[str, NDArray[np.float32]]:
    """The float variables whose name begins with `prefix`, as float32. Raises ValueError for another format."""
    data = path.read_bytes()
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + kind, data, at)
        at += struct.calcsize("<" + kind)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("H")
        value = data[at : at + length - 1].decode()
        at += length
        return value

    version = number("I")
    if version != 6:
        raise ValueError(f"{path}: CTranslate2 model format {version}; only 6 can be read")
    text()  # what kind of model
    number("I")  # its revision
    found: dict[str, NDArray[np.float32]] = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind = _TYPES.get(number("B"))
        size = number("I")
        if name.startswith(prefix) and kind in (np.float16, np.float32):
            found[name] = np.frombuffer(data, kind, size // kind().itemsize, at).reshape(shape).astype(np.float32)
        at += size
    if not found:
        raise ValueError(f"{path}: no float weights named {prefix}*: a float16 or float32 model is needed")
    return found
