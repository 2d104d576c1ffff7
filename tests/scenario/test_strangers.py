"""Whoever can't show who it is gets no entry of its own: it is counted, and each minute's counts are on the chain."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.reading_town import make_town, town_in
from xinglin.kernel.encoding import encode
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.service.basic.audit.errors import RequestMalformed, RequestSignatureInvalid
from xinglin.service.basic.audit.messages import AccessRequest, Asked, SignedRequest
from xinglin.service.basic.audit.rules import MINUTE_MS, source_commitment

pytestmark = pytest.mark.requirement("H4", "S9.1")


def test_refusals_of_strangers_are_counted_by_source_and_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_town(tmp_path / "town")
    with town_in(folder) as town:
        serving = town.servings["a"]
        node = serving.archive.node
        begun = SystemClock().now_ms()
        for source, count in ((b"192.0.2.1", 3), (b"192.0.2.2", 1)):
            for _ in range(count):
                with pytest.raises(RequestMalformed):
                    serving.answer(b"no request", source=source)
        with pytest.raises(RequestSignatureInvalid):
            serving.answer(_forged(serving.archive.node.consortium.rules.chain, node.member, node.settings.node))
        # The minute is over: the next round logs it.
        real = time.time_ns
        monkeypatch.setattr("xinglin.node.chains.time.time_ns", lambda: real() + 2 * MINUTE_MS * 1_000_000)
        serving.anchors.attempt()
        logged = serving.trace.aggregates()
        assert serving.anchors.status.failures == 0
        monkeypatch.undo()
        salt = serving.archive.vault.keyring.keys.derive("strangers")

        def count(source: bytes) -> int:
            wanted = source_commitment(node.consortium.rules.suite.hash, salt, source)
            return sum(times for _, one, times in logged if one == wanted)

        assert (count(b"192.0.2.1"), count(b"192.0.2.2"), count(b"here")) == (3, 1, 1)
        assert {minute for minute, _, _ in logged} <= {at // MINUTE_MS * MINUTE_MS for at in (begun, begun + MINUTE_MS)}


def _forged(chain: str, member: str, node: str) -> bytes:
    """Return a request under a key that no registry has."""
    request = AccessRequest(
        chain=chain,
        id=random_bytes(16),
        account=member,
        member=member,
        custodian=node,
        asked=Asked("record", random_bytes(32)),
        action="read",
        purpose="treat",
        consents=(),
        valid_until=SystemClock().now_ms() + 30_000,
    )
    return encode(SignedRequest(request=request, key=b"\x04" + bytes(64), signature=bytes(64)))
