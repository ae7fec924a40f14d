"""The checksum of FIT files (CRC-16/ARC) without a loop over the bytes.

Appending k zero bytes maps one 16-bit state to another, and the checksum of A followed by B is that map for B's
length, applied to the checksum of A, xor the checksum of B. So the checksums of neighbours are joined pair by pair.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint16]
POLYNOMIAL = 0xA001  # 0x8005 with its bits reversed
BLOCK = 1 << 20


@cache
def _after_zeros(power: int) -> Words:
    """State → state after 2**power zero bytes."""
    if power:
        half = _after_zeros(power - 1)
        return half[half]
    states = np.arange(1 << 16, dtype=np.uint16)
    for _ in range(8):
        states = ((states >> 1) ^ (states & 1) * np.uint16(POLYNOMIAL)).astype(np.uint16)
    return states


def _of_block(data: npt.NDArray[np.uint8]) -> Words:
    power = max(len(data) - 1, 0).bit_length()
    padded = np.zeros(1 << power, dtype=np.uint16)
    padded[len(padded) - len(data) :] = data  # leading zeros leave the checksum as it is
    states = _after_zeros(0)[padded]
    for level in range(power):
        states = _after_zeros(level)[states[0::2]] ^ states[1::2]
    return states


def checksum(data: bytes | memoryview) -> int:
    """CRC-16 of `data`; 0 over a FIT file with its own checksum at the end."""
    content = np.frombuffer(data, dtype=np.uint8)
    state = np.zeros(1, dtype=np.uint16)
    full = len(content) - len(content) % BLOCK
    for start in range(0, full, BLOCK):
        state = _after_zeros(BLOCK.bit_length() - 1)[state] ^ _of_block(content[start : start + BLOCK])
    rest = content[full:]
    if len(rest):
        for power in range(len(rest).bit_length()):
            if len(rest) >> power & 1:
                state = _after_zeros(power)[state]
        state = state ^ _of_block(rest)
    return int(state[0])
