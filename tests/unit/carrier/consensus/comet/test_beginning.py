"""An engine without blocks begins where its application is, by marks; the light blocks that it is given."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from xinglin.carrier.consensus.comet.beginning import Beginning, MarkTaker, read_beginning, write_beginning
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.light import read_header, validators_hash
from xinglin.carrier.consensus.comet.light_server import LightServer
from xinglin.carrier.consensus.ports import AppInfo, SnapshotOffer

ACCEPT, REJECT = 1, 3
OWN, OTHER = b"\x01" * 32, b"\x02" * 32


class Standing:
    """An application that is at height 7."""

    def info(self) -> AppInfo:
        return AppInfo("chain", 7, 1, OWN)


@pytest.mark.parametrize(
    ("format_", "height", "app_hash", "result"),
    [(2, 7, OWN, ACCEPT), (1, 7, OWN, REJECT), (2, 8, OWN, REJECT), (2, 7, OTHER, REJECT)],
)
def test_only_the_mark_of_the_own_height_and_app_hash_is_taken(
    format_: int, height: int, app_hash: bytes, result: int
) -> None:
    standing: Any = Standing()
    taker = MarkTaker(standing)
    assert taker.offer(SnapshotOffer(height, format_, 1, b"", b""), app_hash) == result
    assert taker.apply(0, b"\x01", "peer").result == ACCEPT


def test_a_beginning_holds_until_there_is_a_block_after_it(tmp_path: Path) -> None:
    home = EngineHome(tmp_path)
    home.config.parent.mkdir()
    assert read_beginning(home, 7) is None
    said = Beginning(7, 9, OWN, {"7": {"commit": {}}})
    write_beginning(home, said)
    assert read_beginning(home, 7) == said
    assert read_beginning(home, 0) is None
    assert read_beginning(home, 8) is None
    (tmp_path / "data" / "blockstore.db").mkdir(parents=True)  # made at the first start, before anything is fetched
    assert read_beginning(home, 7) == said


def test_light_blocks_are_answered_and_nothing_else() -> None:
    server = LightServer({"7": {"commit": {"a": 1}, "validators": {"b": 2}}})
    try:
        for asked, found in (
            ({"id": 3, "method": "commit", "params": {"height": "7"}}, {"result": {"a": 1}}),
            ({"id": 3, "method": "validators", "params": {"height": "7", "page": "1"}}, {"result": {"b": 2}}),
        ):
            assert ask(server, json.dumps(asked)) == (200, {"jsonrpc": "2.0", "id": 3} | found)
        for asked in (
            {"id": 3, "method": "commit", "params": {"height": "8"}},
            {"id": 3, "method": "status", "params": {"height": "7"}},
        ):
            assert "error" in ask(server, json.dumps(asked))[1]
        for text in ("", "[]", "{}", "[" * 5000):
            assert ask(server, text)[0] == 400
    finally:
        server.close()


def ask(server: LightServer, text: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.address, timeout=60)
    try:
        connection.request("POST", "/", text.encode())
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else None
    finally:
        connection.close()


@pytest.mark.parametrize("said", [{}, {"signed_header": {"header": {}}}, {"signed_header": None}, []])
def test_what_is_no_header_is_none(said: Any) -> None:
    assert read_header(said) is None


def test_a_set_of_validators_has_the_hash_that_cometbft_gives_it() -> None:
    """RFC 6962 over SimpleValidator messages: key (field 1 of field 1) and power (field 2)."""
    import hashlib  # noqa: PLC0415

    key = bytes(range(32))
    leaf = bytes([0x0A, 34, 0x0A, 32]) + key + bytes([0x10, 10])
    assert validators_hash({key: 10}) == hashlib.sha256(b"\x00" + leaf).digest()
