"""Which frames have a pitch: what tells voices from coughs, clicks and hiss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERIODIC = 0.45
"""Least autocorrelation at the pitch: of speech 0.6 to 0.95, of coughs and noise below 0.4."""
LAGS = np.arange(20, 134)  # 400 to 60 Hz at 8 kHz
WINDOW = 480
_SIZE = 1024


def pitched(windows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """For each row of samples at 8 kHz (WINDOW of them, 60 ms, or fewer) whether it has a pitch."""
    count = windows.shape[1]
    spectrum = np.fft.rfft(windows - windows.mean(axis=1, keepdims=True), _SIZE, axis=1)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)
    unbiased = correlation[:, LAGS] * (count / (count - LAGS))
    return np.asarray((correlation[:, 0] > 0) & (unbiased.max(axis=1) > PERIODIC * correlation[:, 0]))


def voiced_frames(samples: NDArray[np.float32]) -> int:
    """How many 20 ms frames have a pitch, of those within 30 dB of the loudest."""
    if len(samples) < WINDOW:
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::160]
    power = (windows**2).mean(axis=1)
    return int(pitched(windows[power > power.max() / 1000]).sum())
