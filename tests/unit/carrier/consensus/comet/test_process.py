"""The real engine with files of ours, its own key-value application, and our supervision (S6.1b)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.children import REPOSITORY
from tests.support.engines import engine_here, needs_engine
from tests.support.ports import free_port
from tests.support.refusals import refused
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.consensus.comet.config import EngineSettings, Peer
from xinglin.carrier.consensus.comet.files import EngineHome, EngineIdentity, make_keys, write_genesis, write_settings
from xinglin.carrier.consensus.comet.genesis import EngineGenesis
from xinglin.carrier.consensus.comet.process import EngineProcess, RestartPolicy
from xinglin.carrier.consensus.comet.rpc import IN_CACHE, EngineRpc
from xinglin.carrier.consensus.comet.stale import stop_strays, strays

CHAIN = "ctestsofengines"
KVSTORE = ("--proxy_app", "kvstore")
QUICK = RestartPolicy(first=0.1, longest=0.4, healthy=1.0, silent=PATIENCE)


def make_home(folder: Path, rpc: int, p2p: int, **settings: object) -> tuple[EngineHome, EngineIdentity]:
    """Write a home whose own validator is the chain's only one."""
    home = EngineHome(folder)
    mine = make_keys(home)
    write_genesis(home, EngineGenesis(chain=CHAIN, time_ms=1_700_000_000_001, validators={mine.validator_key: 10}))
    write_settings(home, settings_of(folder, rpc, p2p, **settings))
    return home, mine


def settings_of(folder: Path, rpc: int, p2p: int, **settings: object) -> EngineSettings:
    return EngineSettings(
        moniker="test",
        abci_socket=folder / "abci.sock",
        p2p_listen=f"127.0.0.1:{p2p}",
        rpc_listen=f"127.0.0.1:{rpc}",
        filter_peers=False,
        timeout_commit_ms=20,
        **settings,  # type: ignore[arg-type]
    )


@contextmanager
def running(home: EngineHome, rpc: int) -> Iterator[EngineProcess]:
    binary = engine_here()
    assert binary is not None, "the engine is required and is not here"
    engine = EngineProcess(home, binary, f"127.0.0.1:{rpc}", QUICK, KVSTORE)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


@needs_engine
def test_it_makes_blocks_is_killed_comes_back_and_stops_in_order(tmp_path: Path) -> None:
    port = free_port()
    home, mine = make_home(tmp_path, port, free_port())
    with running(home, port) as engine:
        status = engine.wait_ready(PATIENCE, lambda status: status.height >= 3)
        assert (status.chain, status.peer, status.validator) == (CHAIN, mine.peer, mine.validator_key)
        assert status.power == 10

        before = engine.report()
        assert before.pid is not None
        assert home.pid.read_text() == f"{before.pid}\n"
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: engine.report().pid not in (None, before.pid))
        again = engine.wait_ready(PATIENCE, lambda now: now.height > status.height)
        assert again.earliest == 1
        after = engine.report()
        assert (after.restarts, after.last_exit, after.failure) == (1, -signal.SIGKILL, "")
        assert after.lines

        engine.stop(PATIENCE)
        ended = engine.report()
        assert (ended.pid, ended.last_exit, ended.answers) == (None, 0, False)
        assert strays(tmp_path) == []
        assert not home.pid.exists()


@needs_engine
def test_the_client_reads_what_the_engine_has(tmp_path: Path) -> None:
    port = free_port()
    home, mine = make_home(tmp_path, port, free_port())
    with running(home, port) as engine:
        engine.wait_ready(PATIENCE, lambda status: status.height >= 2)
        rpc = EngineRpc(f"127.0.0.1:{port}")
        rpc.health()
        assert rpc.validators(1) == {mine.validator_key: 10}
        assert rpc.links() == []
        assert rpc.block(1)["block"]["header"]["chain_id"] == CHAIN
        assert rpc.block(1)["block"]["header"]["time"] == "2023-11-14T22:13:20.001Z"
        assert rpc.commit(1)["signed_header"]["header"]["height"] == "1"
        with refused("engine.refused"):
            rpc.block(1_000_000)
        with refused("engine.refused"):
            rpc.call("no_such_method")

        sent = [b"%d=%d" % (number, number) for number in range(1200)]
        assert rpc.broadcast(sent) == [None] * len(sent)
        again = rpc.broadcast(sent[:1])[0]
        assert again is not None
        assert again.facts["reason"] == IN_CACHE
        assert rpc.broadcast([]) == []
        assert rpc.hand_in([sent[0], b"new=1"]) == [IN_CACHE, ""]
        sent.append(b"new=1")
        too_large = rpc.broadcast([b"a=" + bytes(5 << 20)])[0]
        assert too_large is not None
        assert "too large" in str(too_large.facts["reason"])
        until(lambda: b"".join(rpc_transactions(rpc)).count(b"=") == len(sent))
        rpc.close()
        rpc.health()
        rpc.close()


def rpc_transactions(rpc: EngineRpc) -> list[bytes]:
    import base64  # noqa: PLC0415

    height = rpc.status().height
    blocks = [rpc.block(one)["block"]["data"]["txs"] for one in range(1, height + 1)]
    return [base64.b64decode(one) for block in blocks for one in block]


@needs_engine
def test_two_engines_are_linked_and_one_that_left_is_seen(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(4)]
    first, mine = make_home(tmp_path / "a", ports[0], ports[1])
    second, other = make_home(tmp_path / "b", ports[2], ports[3])
    second.genesis.write_bytes(first.genesis.read_bytes())
    peers = (Peer(mine.peer, f"127.0.0.1:{ports[1]}"),)
    write_settings(second, settings_of(tmp_path / "b", ports[2], ports[3], peers=peers))
    with running(first, ports[0]) as one, running(second, ports[2]) as two:
        one.wait_ready(PATIENCE)
        two.wait_ready(PATIENCE, lambda status: status.height >= 3 and not status.catching_up)
        with EngineRpc(f"127.0.0.1:{ports[0]}") as rpc:
            (link,) = rpc.links()
        assert (link.peer, link.outbound, link.address) == (other.peer, False, "127.0.0.1")
        assert link.sent > 0
        two.stop()
        with EngineRpc(f"127.0.0.1:{ports[0]}") as rpc:
            until(lambda: rpc.links() == [])


LEFT_BEHIND = """
import sys
from pathlib import Path
from tests.unit.carrier.consensus.comet.test_process import running, PATIENCE
from xinglin.carrier.consensus.comet.files import EngineHome
with running(EngineHome(Path(sys.argv[1])), int(sys.argv[2])) as engine:
    print(engine.wait_ready(PATIENCE).height, flush=True)
    sys.stdin.read()
"""


@needs_engine
def test_an_engine_that_a_killed_node_left_is_stopped_before_another_starts(tmp_path: Path) -> None:
    port = free_port()
    home, _ = make_home(tmp_path, port, free_port())
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}"}
    command = [sys.executable, "-c", LEFT_BEHIND, str(tmp_path), str(port)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        assert int(node.stdout.readline()) >= 0
        os.kill(node.pid, signal.SIGKILL)
    (left,) = strays(tmp_path)
    assert home.pid.read_text() == f"{left}\n"
    with running(home, port) as engine:
        engine.wait_ready(PATIENCE)
        assert strays(tmp_path) == [engine.report().pid] != [left]


def fake(folder: Path, script: str) -> tuple[EngineHome, Path]:
    """Return a home and a program that stands in for the engine."""
    home, _ = make_home(folder, 1, 2)
    binary = folder / "engine"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return home, binary


def test_one_that_dies_at_once_is_started_again_ever_more_slowly_and_told_about(tmp_path: Path) -> None:
    home, binary = fake(tmp_path, "date +%s.%N >> starts; echo the store is broken; exit 7")
    engine = EngineProcess(home, binary, f"127.0.0.1:{free_port()}", RestartPolicy(first=0.05, longest=0.2))
    engine.start()
    until(lambda: engine.report().restarts >= 2)
    with pytest.raises(Exception, match="the store is broken") as failure:
        engine.wait_ready(0.1)
    assert failure.value.code == "engine.not_ready"  # type: ignore[attr-defined]
    assert engine.report().last_exit == 7
    engine.stop()
    report = engine.report()
    assert report.lines[-1] == "the store is broken"
    # The last one may have been stopped before it said anything.
    assert len((tmp_path / "starts").read_text().split()) - report.restarts in (0, 1)
    assert [RestartPolicy().delay(failures) for failures in (1, 2, 3, 7, 500)] == [0.5, 1.0, 2.0, 30.0, 30.0]


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    home, binary = fake(tmp_path, "trap '' TERM; echo up; while :; do sleep 0.05; done")
    engine = EngineProcess(home, binary, f"127.0.0.1:{free_port()}")
    engine.start()
    until(lambda: engine.report().lines == ("up",))
    engine.stop(0.3)
    assert engine.report().last_exit == -signal.SIGKILL
    engine.stop()


def test_one_that_leaves_consensus_is_started_again(tmp_path: Path) -> None:
    home, binary = fake(
        tmp_path, '[ -e once ] || { touch once; echo "E CONSENSUS FAILURE!!! err=disk"; }; exec /bin/sleep 600'
    )
    engine = EngineProcess(home, binary, f"127.0.0.1:{free_port()}", QUICK)
    engine.start()
    until(lambda: engine.report().restarts == 1 and engine.report().pid is not None)
    assert engine.report().failure == ""
    assert "CONSENSUS FAILURE" in engine.report().lines[0]
    time.sleep(0.7)
    assert engine.report().restarts == 1
    engine.stop()


def test_nothing_of_the_environment_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CMTHOME", "CMT_P2P_LADDR", "XINGLIN_PASSPHRASE_FILE"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("GOMAXPROCS", "1")
    home, binary = fake(tmp_path, 'env; echo "$@"; exec /bin/sleep 600')
    engine = EngineProcess(home, binary, f"127.0.0.1:{free_port()}")
    engine.start()
    until(lambda: any(line.startswith("start") for line in engine.report().lines))
    lines = engine.report().lines
    engine.stop()
    assert lines[-1] == f"start --home {tmp_path}"
    assert {line.split("=")[0] for line in lines[:-1]} <= {"PATH", "HOME", "GOMAXPROCS", "PWD", "OLDPWD", "SHLVL", "_"}
    assert "GOMAXPROCS=1" in lines


def test_a_process_that_is_no_engine_of_the_home_is_left_alone(tmp_path: Path) -> None:
    home, binary = fake(tmp_path, "exec /bin/sleep 600")
    others = [
        subprocess.Popen(["/bin/sleep", "600"]),
        subprocess.Popen([str(binary), "start", "--home", f"{tmp_path}x"]),
    ]
    mine = subprocess.Popen(["/bin/sh", "-c", "/bin/sleep 600", "start"], executable=str(binary))
    home.pid.write_text(f"{others[0].pid}\n")
    try:
        assert stop_strays(tmp_path, 1.0) == []
        assert [other.poll() for other in others] == [None, None]
    finally:
        for process in (*others, mine):
            process.kill()
            process.wait()


def test_another_engine_on_its_port_is_not_taken_for_it(tmp_path: Path) -> None:
    """What answers says another peer id."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_as_another, args=[listener], daemon=True).start()
        home, binary = fake(tmp_path, "exec /bin/sleep 600")
        engine = EngineProcess(home, binary, f"127.0.0.1:{listener.getsockname()[1]}")
        engine.start()
        try:
            with refused("engine.not_ready"):
                engine.wait_ready(0.5)
        finally:
            engine.stop()


def answer_as_another(listener: socket.socket) -> None:
    from tests.unit.carrier.consensus.comet.test_rpc import STATUS, http_answer  # noqa: PLC0415

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(1 << 16)
            connection.sendall(http_answer({"jsonrpc": "2.0", "id": 0, "result": STATUS}))
