"""The hash SM3, written from the text of GB/T 32905-2016 alone.

It never uses the platform's cryptography library: OpenSSL is often built without SM3. About 0.3 MB/s.
"""

from __future__ import annotations

import struct

MASK = 0xFFFFFFFF
INITIAL = (
    *(0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600),
    *(0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E),
)
BLOCK = struct.Struct(">16I")
DIGEST = struct.Struct(">8I")


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & MASK


FIRST = tuple(_rotated(0x79CC4519, j) for j in range(16))
SECOND = tuple(_rotated(0x7A879D8A, j % 32) for j in range(16, 64))


def sm3(data: bytes) -> bytes:
    """Return the 32-byte SM3 hash of any number of bytes (GB/T 32905, 5)."""
    whole = len(data) - len(data) % 64
    state: tuple[int, ...] = INITIAL
    for start in range(0, whole, 64):
        state = _compressed(state, BLOCK.unpack_from(data, start))
    rest = data[whole:] + b"\x80"
    rest += bytes(-(len(rest) + 8) % 64) + (8 * len(data)).to_bytes(8, "big")
    for start in range(0, len(rest), 64):
        state = _compressed(state, BLOCK.unpack_from(rest, start))
    return DIGEST.pack(*state)


def _expanded(block: tuple[int, ...]) -> list[int]:
    """Return the 68 words W of a block (5.3.2)."""
    words = list(block)
    for j in range(16, 68):
        x = words[j - 3]
        x = words[j - 16] ^ words[j - 9] ^ (x << 15 & MASK | x >> 17)
        y = words[j - 13]
        words.append((x ^ x << 15 ^ x >> 17 ^ x << 23 ^ x >> 9 ^ y << 7 ^ y >> 25 ^ words[j - 6]) & MASK)
    return words


def _compressed(state: tuple[int, ...], block: tuple[int, ...]) -> tuple[int, ...]:
    """Return the state after one block (5.3.3); written out, for this is where the time goes."""
    words = _expanded(block)
    a, b, c, d, e, f, g, h = state
    for constant, word, later in zip(FIRST, words, words[4:20], strict=False):
        turned = a << 12 & MASK | a >> 20
        ss1 = turned + e + constant & MASK
        ss1 = ss1 << 7 & MASK | ss1 >> 25
        tt1 = (a ^ b ^ c) + d + (ss1 ^ turned) + (word ^ later) & MASK
        tt2 = (e ^ f ^ g) + h + ss1 + word & MASK
        a, b, c, d = tt1, a, b << 9 & MASK | b >> 23, c
        e, f, g, h = (tt2 ^ tt2 << 9 ^ tt2 >> 23 ^ tt2 << 17 ^ tt2 >> 15) & MASK, e, f << 19 & MASK | f >> 13, g
    for constant, word, later in zip(SECOND, words[16:], words[20:], strict=False):
        turned = a << 12 & MASK | a >> 20
        ss1 = turned + e + constant & MASK
        ss1 = ss1 << 7 & MASK | ss1 >> 25
        tt1 = (a & b | c & (a | b)) + d + (ss1 ^ turned) + (word ^ later) & MASK
        tt2 = (g ^ e & (f ^ g)) + h + ss1 + word & MASK
        a, b, c, d = tt1, a, b << 9 & MASK | b >> 23, c
        e, f, g, h = (tt2 ^ tt2 << 9 ^ tt2 >> 23 ^ tt2 << 17 ^ tt2 >> 15) & MASK, e, f << 19 & MASK | f >> 13, g
    after = (a, b, c, d, e, f, g, h)
    return tuple(x ^ y for x, y in zip(state, after, strict=True))
