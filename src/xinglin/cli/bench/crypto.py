"""``xinglin bench crypto``: SM2, SM3 and SM4-GCM of the native library (D15: SM2 verify at least 20,000/s)."""

from __future__ import annotations

from functools import partial
from typing import Any

from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.cli.bench.measure import Result, Timer, report
from xinglin.node.chains import random_bytes

_BATCH = 100
_MEGABYTE = 1_000_000


def bench_crypto(rounds: int) -> dict[str, Any]:
    """Measure ``rounds`` batches of 100 signatures, and one megabyte at a time of hashing and sealing."""
    gm = suite("gm")
    private = gm.generate_private_key()
    public = gm.public_key(private)
    messages = [random_bytes(32) for _ in range(_BATCH)]
    signing = Timer()
    signed: list[list[bytes]] = []
    for _ in range(rounds):
        signing.piece(lambda: signed.append(gm.sign_many(private, messages)))
    sign_rate = rounds * _BATCH / signing.seconds
    verifying = Timer()
    for signatures in signed:
        verifying.piece(partial(_all_verify, gm, public, messages, signatures))
    verify_rate = rounds * _BATCH / verifying.seconds
    megabyte = random_bytes(_MEGABYTE)
    hashing = Timer()
    for _ in range(rounds):
        hashing.piece(lambda: gm.hash(megabyte))
    hash_rate = rounds * _MEGABYTE / hashing.seconds
    key = random_bytes(gm.key_size)
    sealing = Timer()
    for _ in range(rounds):
        sealing.piece(lambda: gm.seal(key, megabyte))
    seal_rate = rounds * _MEGABYTE / sealing.seconds
    return report(
        "crypto",
        {"batch": _BATCH, "rounds": rounds, "message_bytes": 32, "block_bytes": _MEGABYTE},
        [
            Result("sm2_verify", verify_rate, "signatures/s", verifying.latencies_ms),
            Result("sm2_sign", sign_rate, "signatures/s", signing.latencies_ms),
            Result("sm3_bytes", hash_rate, "bytes/s", hashing.latencies_ms),
            Result("sm4_gcm_bytes", seal_rate, "bytes/s", sealing.latencies_ms),
        ],
    )


def _all_verify(gm: Suite, public: bytes, messages: list[bytes], signatures: list[bytes]) -> None:
    if not all(gm.verify_many([public] * len(messages), messages, signatures)):
        raise AssertionError("a good signature did not verify")
