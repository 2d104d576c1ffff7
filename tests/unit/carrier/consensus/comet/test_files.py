"""The engine's files: golden, read back, never half, and nothing overwritten that says what was signed (S9.1)."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.refusals import refused
from xinglin.carrier.consensus.comet.config import EngineSettings, Peer, StateSync, check_address, config_text
from xinglin.carrier.consensus.comet.files import (
    EngineHome,
    can_sign,
    identity,
    key_address,
    make_keys,
    next_validator_key,
    sign_as_next_validator,
    sign_as_validator,
    take_next_validator_key,
    validator_key,
    waiting_validator_key,
    write_genesis,
    write_peers,
    write_settings,
)
from xinglin.carrier.consensus.comet.genesis import MAX_BLOCK_BYTES, EngineGenesis, genesis_text, rfc3339
from xinglin.carrier.consensus.comet.wire import MAX_FRAME_BYTES
from xinglin.carrier.crypto.suite import suite

A, B = Peer(bytes(range(20)), "hospital-a.example:26656"), Peer(b"\xff" * 20, "[2001:db8::1]:26656")
SETTINGS = EngineSettings(
    moniker="node1",
    abci_socket=Path("/run/x/abci.sock"),
    p2p_listen="0.0.0.0:26656",
    rpc_listen="127.0.0.1:26657",
    external_address="hospital-b.example:26656",
    peers=(A, B),
)
KEY = bytes(range(32))
GENESIS = EngineGenesis(chain="cabc", time_ms=1_795_690_800_001, validators={KEY: 10}, app_state={"genesis": "00"})


@pytest.fixture
def engine(tmp_path: Path) -> EngineHome:
    home = EngineHome(tmp_path / "engine" / "chain")
    make_keys(home)
    return home


@pytest.mark.parametrize(
    ("told", "written"), [("192.0.2.7:1", "192.0.2.7:1"), ("[::1]:1", "[::1]:1"), ("a.example:1", "")]
)
def test_the_engine_is_told_no_name_of_its_own_that_might_mean_nothing_elsewhere(told: str, written: str) -> None:
    config = tomllib.loads(config_text(replace(SETTINGS, external_address=told)))
    assert config["p2p"]["external_address"] == written


def test_the_settings_are_those_of_the_design() -> None:
    assert tomllib.loads(config_text(SETTINGS)) == {
        "version": "0.38.25",
        "proxy_app": "unix:///run/x/abci.sock",
        "moniker": "node1",
        "log_level": "main:info,p2p:info,blocksync:info,statesync:info,*:error",
        "filter_peers": True,
        "rpc": {
            "laddr": "tcp://127.0.0.1:26657",
            "max_open_connections": 100,
            "max_request_batch_size": 500,
            "max_body_bytes": 16 << 20,
        },
        "p2p": {
            "laddr": "tcp://0.0.0.0:26656",
            "external_address": "",
            "persistent_peers": "000102030405060708090a0b0c0d0e0f10111213@hospital-a.example:26656,"
            "ffffffffffffffffffffffffffffffffffffffff@[2001:db8::1]:26656",
            "pex": False,
            "addr_book_strict": False,
            "allow_duplicate_ip": True,
            "max_num_inbound_peers": 200,
            "persistent_peers_max_dial_period": "10s",
            "flush_throttle_timeout": "5ms",
            "send_rate": 100_000_000,
            "recv_rate": 100_000_000,
        },
        "mempool": {
            "recheck": False,
            "size": 20_000,
            "max_txs_bytes": 256 << 20,
            "max_tx_bytes": 4 << 20,
            "cache_size": 80_000,
        },
        "consensus": {
            "timeout_propose": "3000ms",
            "timeout_commit": "100ms",
            "create_empty_blocks": True,
            "create_empty_blocks_interval": "2000ms",
            "peer_gossip_sleep_duration": "5ms",
        },
        "storage": {"discard_abci_responses": True},
        "tx_index": {"indexer": "null"},
        "instrumentation": {"prometheus": False, "prometheus_listen_addr": ""},
    }


def test_a_new_node_takes_a_snapshot() -> None:
    sync = StateSync(rpc_servers=("a.example:1", "b.example:2"), trust_height=9, trust_hash=b"\x0a" * 32)
    assert tomllib.loads(config_text(replace(SETTINGS, state_sync=sync)))["statesync"] == {
        "enable": True,
        "rpc_servers": "a.example:1,b.example:2",
        "trust_height": 9,
        "trust_hash": "0a" * 32,
        "trust_period": "168h",
        "discovery_time": "5s",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"moniker": 'a"\nrpc.unsafe = true'},
        {"moniker": ""},
        {"abci_socket": Path("relative")},
        {"abci_socket": Path("/x" * 60)},
        {"abci_socket": Path('/a"\n')},
        {"p2p_listen": "localhost"},
        {"p2p_listen": "0.0.0.0:70000"},
        {"p2p_listen": 'a"b:1'},
        {"rpc_listen": "0.0.0.0:26657"},
        {"rpc_listen": "hospital-a.example:26657"},
        {"external_address": "tcp://a:1"},
        {"metrics_listen": ":26660"},
        {"timeout_commit_ms": 0},
        {"empty_block_ms": 10**9},
        {"max_tx_bytes": 9 << 20},
        {"max_waiting": 0},
        {"max_waiting_bytes": 1024},
        {"rate_bytes": -1},
    ],
)
def test_a_setting_out_of_form_is_refused(change: dict[str, Any]) -> None:
    with refused("engine.setting"):
        replace(SETTINGS, **change)


def test_addresses() -> None:
    assert check_address("x", "[::1]:5") == ("[::1]", 5)
    for wrong in ("", ":1", "a:", "a b:1", "::1:5", "[::1:5", "[1.2.3]:5", "a_b:1", "a:1:2", "-a:1", "a:+1", "a:1\n"):
        with refused("engine.setting"):
            check_address("x", wrong)
    for wrong_id in (b"", bytes(32)):
        with refused("engine.setting"):
            Peer(wrong_id, "a:1")


def test_the_genesis_is_the_same_bytes_on_each_node() -> None:
    other = bytes(reversed(KEY))
    text = genesis_text(replace(GENESIS, validators={other: 10, KEY: 10}))
    assert text == genesis_text(replace(GENESIS, validators={KEY: 10, other: 10}))
    found = json.loads(text)
    assert [one["pub_key"]["value"] for one in found["validators"]] == [
        base64.b64encode(key).decode() for key in (KEY, other)
    ]
    assert json.loads(genesis_text(GENESIS)) == {
        "genesis_time": "2026-11-26T11:00:00.001Z",
        "chain_id": "cabc",
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(21 << 20), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "100000",
                "max_age_duration": "172800000000000",
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "0"},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [
            {
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(KEY).decode()},
                "power": "10",
                "name": "",
            }
        ],
        "app_hash": "",
        "app_state": {"genesis": "00"},
    }
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "change",
    [
        {"chain": ""},
        {"chain": "c" * 51},
        {"time_ms": 0},
        {"validators": {}},
        {"validators": {KEY[:31]: 10}},
        {"validators": {KEY: 0}},
        {"max_block_bytes": 101 << 20},
        {"evidence_ms": 0},
    ],
)
def test_a_genesis_out_of_form_is_refused(change: dict[str, Any]) -> None:
    with refused("engine.setting"):
        replace(GENESIS, **change)


def test_keys_are_made_once_for_the_owner_alone(engine: EngineHome) -> None:
    mine = identity(engine)
    assert mine == make_keys(engine)
    assert mine.peer == hashlib.sha256(mine.node_key).digest()[:20] == key_address(mine.node_key)
    assert mine.address == key_address(mine.validator_key)
    assert mine.node_key != mine.validator_key
    for path in (engine.node_key, engine.validator_key, engine.signing_state):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(engine.folder.stat().st_mode) == 0o700
    signature = sign_as_validator(engine, b"proof")
    assert suite("intl").verify(mine.validator_key, b"proof", signature)
    assert json.loads(engine.validator_key.read_text())["address"] == mine.address.hex().upper()
    assert json.loads(engine.signing_state.read_text()) == {"height": "0", "round": 0, "step": 0}


def test_what_was_signed_is_never_forgotten(engine: EngineHome) -> None:
    engine.signing_state.write_text('{"height": "12", "round": 0, "step": 3}')
    make_keys(engine)
    take_next_validator_key(engine, next_validator_key(engine))
    assert '"12"' in engine.signing_state.read_text()

    before = identity(engine)
    engine.signing_state.unlink()
    for call in (make_keys, identity):
        with refused("engine.signing_state"):
            call(engine)
    assert not engine.signing_state.exists()
    following = next_validator_key(engine)
    assert not engine.signing_state.exists()  # the key before is still there: it must never begin anew
    assert not can_sign(engine)
    take_next_validator_key(engine, following)
    assert can_sign(engine)
    after = identity(engine)
    assert after.validator_key == following != before.validator_key
    assert after.peer == before.peer


def test_the_next_key_is_made_once_and_votes_when_it_is_taken(engine: EngineHome) -> None:
    before = identity(engine)
    following = next_validator_key(engine)
    assert next_validator_key(engine) == following != before.validator_key
    assert identity(engine) == before
    assert stat.S_IMODE(engine.next_validator_key.stat().st_mode) == 0o600
    assert suite("intl").verify(following, b"proof", sign_as_next_validator(engine, b"proof"))
    assert waiting_validator_key(engine) == following
    old = engine.validator_key.read_bytes()
    take_next_validator_key(engine, following)
    assert identity(engine).validator_key == following == validator_key(engine)
    assert not engine.next_validator_key.exists()
    assert waiting_validator_key(engine) is None
    former = engine.config.parent / f"former_validator_key-{before.validator_key.hex()}.json"
    assert former.read_bytes() == old
    assert stat.S_IMODE(former.stat().st_mode) == 0o600


def test_of_two_next_keys_made_at_once_the_first_stays(engine: EngineHome, monkeypatch: pytest.MonkeyPatch) -> None:
    first = next_validator_key(engine)
    with monkeypatch.context() as patch:  # the second process has looked before the first one's was there
        patch.setattr(Path, "exists", lambda _: False)
        assert next_validator_key(engine) == first
    assert waiting_validator_key(engine) == first


def test_a_next_key_that_is_not_the_registered_one_is_not_taken(engine: EngineHome) -> None:
    before, following = identity(engine), next_validator_key(engine)
    with refused("engine.next_key_differs"):
        take_next_validator_key(engine, bytes(32))
    assert identity(engine) == before
    assert waiting_validator_key(engine) == following
    engine.next_validator_key.unlink()
    with refused("engine.next_key_differs"):
        take_next_validator_key(engine, following)
    assert identity(engine) == before
    assert not list(engine.config.parent.glob("former_*"))


def test_a_key_before_that_cannot_be_read_is_set_aside_too(engine: EngineHome) -> None:
    following = next_validator_key(engine)
    engine.validator_key.write_bytes(b"half")
    assert not can_sign(engine)
    take_next_validator_key(engine, following)
    (former,) = engine.config.parent.glob("former_validator_key-damaged-*.json")
    assert former.read_bytes() == b"half"
    engine.validator_key.unlink()
    assert not can_sign(engine)
    take_next_validator_key(engine, next_validator_key(engine))
    assert can_sign(engine)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"priv_key": 5}',
        b'{"priv_key": {"value": "AAAA"}}',
        b'{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "AAAA"}}',
        json.dumps(
            {"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(bytes(64)).decode()}}
        ).encode(),
        json.dumps(
            {"priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": base64.b64encode(bytes(64)).decode()}}
        ).encode(),
        b"\xff\xfe",
    ],
)
def test_a_damaged_key_is_refused_and_left(engine: EngineHome, content: bytes) -> None:
    for path in (engine.node_key, engine.validator_key):
        whole = path.read_bytes()
        path.write_bytes(content)
        with refused("engine.file"):
            make_keys(engine)
        assert path.read_bytes() == content
        path.write_bytes(whole)
    assert make_keys(engine) == identity(engine)


def test_another_genesis_is_refused(engine: EngineHome) -> None:
    write_genesis(engine, GENESIS)
    write_genesis(engine, GENESIS)
    before = engine.genesis.read_bytes()
    with refused("engine.file"):
        write_genesis(engine, replace(GENESIS, time_ms=GENESIS.time_ms + 1))
    assert engine.genesis.read_bytes() == before


def test_peers_are_written_anew_and_nothing_else(engine: EngineHome) -> None:
    write_settings(engine, replace(SETTINGS, peers=()))
    assert write_peers(engine, [A, B])
    assert engine.config.read_text() == config_text(SETTINGS)
    assert not write_peers(engine, [A, B])
    engine.config.write_text(engine.config.read_text() + "\n# a remark of the operator\n")
    assert write_peers(engine, [B])
    assert tomllib.loads(engine.config.read_text())["p2p"]["persistent_peers"] == str(B)
    assert engine.config.read_text().endswith("# a remark of the operator\n")


@pytest.mark.parametrize("text", ["", 'persistent_peers = "a', 'persistent_peers = ""\npersistent_peers = ""\n', None])
def test_settings_without_a_line_of_peers_are_left(engine: EngineHome, text: str | None) -> None:
    if text is not None:
        engine.config.write_text(text)
    with refused("engine.file"):
        write_peers(engine, [A])
    assert (engine.config.read_text() if engine.config.exists() else None) == text


def test_the_largest_block_fits_into_a_frame_of_the_application() -> None:
    """Else a chain would stand for ever at the first such block."""
    largest = replace(GENESIS, max_block_bytes=MAX_BLOCK_BYTES)
    assert largest.max_block_bytes + (4 << 20) <= MAX_FRAME_BYTES
    with refused("engine.setting"):
        replace(GENESIS, max_block_bytes=MAX_BLOCK_BYTES + 1)
