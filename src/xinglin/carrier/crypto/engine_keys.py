"""Signatures of engine keys: Ed25519 on every chain, whatever its suite, because the engine knows no other (D4).

A validator of CometBFT signs with such a key. Members sign with the chain's suite; an engine key stands for a member
once the registry has its proof.
"""

from __future__ import annotations

from xinglin.carrier.crypto.suite import suite

ENGINE_KEY_SIZE = 32
"""Bytes of a public engine key."""


def verify_engine_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature verifies under an engine key (RFC 8032, 5.1.7, strictly).

    False also for a key or signature of another length, a key that is not canonical or of small order (which would
    verify what nobody signed), and an S that is not below the group's order. What verifies here verifies in the engine.
    """
    return suite("intl").verify(public, message, signature)
