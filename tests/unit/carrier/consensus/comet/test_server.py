"""The socket: strangers, garbage, slow readers and storms end their own connection; failures are kept and told."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.abci import AbciClient, AbciNode, abci_node, framed, started
from tests.support.chain import BLOCK_MS, Chain, found_chain
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.consensus.comet import server as server_module
from xinglin.carrier.consensus.comet.handler import AbciHandler
from xinglin.carrier.consensus.comet.messages import Request
from xinglin.carrier.consensus.comet.server import MAX_CONNECTIONS, AbciServer
from xinglin.carrier.consensus.comet.wire import MAX_FRAME_BYTES, encode_varint
from xinglin.carrier.ledger.errors import BlockInvalid, StoreDamaged, StoreFull
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.errors import PlatformError

SECRET = b"the name of a patient"


def threads() -> list[threading.Thread]:
    """Return the threads of servers."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("abci")]


FLUSH = Request(flush={}).SerializeToString()
GARBAGE = {
    "not a frame": b"GET / HTTP/1.1\r\n\r\n" + 4 * SECRET,
    "a length without end": b"\xff" * 8,
    "a frame of four gigabytes": encode_varint(2**32 - 1) + SECRET,
    "a frame above the limit": encode_varint(MAX_FRAME_BYTES + 1),
    "an empty frame": b"\x00",
    "two alternatives": encode_varint(2 * len(FLUSH)) + FLUSH + FLUSH,
    "an unknown alternative": b"\x03\xa2\x06\x00",
    "a text that is no UTF-8": b"\x05\x0a\x03\x0a\x01\xff",
    "a request cut short within": b"\x06\xa2\x01\x03\x0a\x7f\x00",
    "an echo that is too long": framed(Request(echo={"message": "x" * 2000})),
    "a time that is none": framed(Request(finalize_block={"height": 1, "time": {"seconds": 1, "nanos": 2**30}})),
    "a time after the year 9999": framed(Request(process_proposal={"height": 1, "time": {"seconds": 2**50}})),
    "a commit of nothing": framed(Request(commit={})),
    "another version": framed(Request(info={"version": "1.0.1"})),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_ends_its_connection_and_nothing_else(
    what: str, node: AbciNode, engine: AbciClient, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    with node.connect() as other:
        other.send(framed(Request(flush={})) + GARBAGE[what])
        answers = list(iter(other.read, None))
        assert [one.WhichOneof("value") for one in answers[-1:]] == ["exception"]
        assert answers[-1].exception.error == "engine.protocol"
    assert node.server.failure is None
    assert node.server.may_restart
    engine.block(1, chain.start + BLOCK_MS, [chain.sign()])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert all(record.exc_info is None for record in caplog.records)
    assert SECRET.decode() not in caplog.text


def test_a_frame_cut_off_by_hanging_up_is_no_failure(
    node: AbciNode, engine: AbciClient, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    for cut in range(1, 60, 7):
        whole = framed(Request(finalize_block={"height": 1, "txs": [bytes(50)], "time": {"seconds": 1}}))
        with node.connect() as other:
            other.send(whole[:cut])
    engine.block(1, chain.start + BLOCK_MS, [])
    until(lambda: len(threads()) == 2)
    assert node.server.failure is None
    assert not caplog.records


def test_requests_of_one_batch_are_answered_in_order(chain: Chain, node: AbciNode, engine: AbciClient) -> None:
    good, bad = chain.sign(), b"malformed"
    asked = [
        Request(check_tx={"tx": good}),
        Request(check_tx={"tx": bad}),
        Request(flush={}),
        Request(echo={"message": "a"}),
        Request(check_tx={"tx": bad, "type": 1}),
        Request(check_tx={"tx": good}),
        Request(flush={}),
    ]
    engine.send(framed(*asked))
    answers = [engine.read() for _ in asked]
    assert [one.WhichOneof("value") for one in answers] == [one.WhichOneof("value") for one in asked]
    assert [answers[number].check_tx.code for number in (0, 1, 4, 5)] == [0, 1202, 0, 0]
    assert answers[1].check_tx.log == "transaction.malformed"
    assert answers[3].echo.message == "a"
    assert node.seen.refusals == [(bad, "transaction.malformed")]


def test_a_storm_of_connections_is_bounded(node: AbciNode, engine: AbciClient, chain: Chain) -> None:
    several, served = [], 0
    for _ in range(4 * MAX_CONNECTIONS):
        with suppress(BlockingIOError):  # the system's own queue is full
            several.append(node.connect())
    for one in several:
        try:
            one.send(framed(Request(flush={})))
            served += one.read() is not None
        except OSError:
            continue
    assert len(several) > MAX_CONNECTIONS
    assert served == MAX_CONNECTIONS - 1
    assert len(threads()) <= MAX_CONNECTIONS + 1
    engine.block(1, chain.start + BLOCK_MS, [])
    for one in several:
        one.socket.close()
    until(lambda: len(threads()) == 2)
    with node.connect() as again:
        assert again.ask("echo", message="x").message == "x"


def test_a_slow_reader_holds_up_nobody(node: AbciNode, engine: AbciClient, chain: Chain) -> None:
    with node.connect() as slow:
        slow.socket.settimeout(2)
        ask = framed(*[Request(echo={"message": "x" * 1000})] * 50)
        with suppress(TimeoutError):  # it asks and never reads, until nothing goes through
            for _ in range(1000):
                slow.send(ask)
            pytest.fail("what is never read is answered without bound")
        engine.block(1, chain.start + BLOCK_MS, [chain.sign()])
        node.server.close()
    assert not threads()


ANOTHER = """
import socket, sys
one = socket.socket(socket.AF_UNIX)
one.settimeout(100)
one.connect(sys.argv[1])
try:
    one.sendall(bytes([2, 0x12, 0]))
    print(len(one.recv(100)))
except ConnectionError:
    print(0)
"""


def another_process(path: Path) -> int:
    """Let another process ask for a flush; return how many bytes it gets."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system does not tell who is at the other end")
def test_one_engine_at_a_time(node: AbciNode, chain: Chain) -> None:
    with started(node, chain) as engine:
        assert another_process(node.path) == 0
        engine.block(1, chain.start + BLOCK_MS, [])
    until(lambda: len(threads()) == 1)
    assert another_process(node.path) == 3


class TestInfo:
    """Asked at any moment: CometBFT's RPC lets whoever reaches it have the state asked for (``abci_info``)."""

    def test_between_decision_and_commit(self, node: AbciNode, engine: AbciClient, chain: Chain) -> None:
        raw, at = chain.sign(), chain.start + BLOCK_MS
        hashed = engine.finalize(1, at, [raw]).app_hash
        with node.connect() as other:
            assert other.info().last_block_height == 0
        engine.commit()
        assert node.application.ledger.tip.app_hash == hashed
        until(lambda: node.seen.blocks)
        assert [(height, txs) for height, _, txs, _ in node.seen.blocks] == [(1, [raw])]

    def test_an_engine_that_has_gone_leaves_nothing_decided(self, node: AbciNode, chain: Chain) -> None:
        with started(node, chain) as gone:
            gone.finalize(1, chain.start + BLOCK_MS, [])
        until(lambda: len(threads()) == 1)
        with started(node, chain) as engine:
            assert engine.commit().error == "engine.protocol"
        assert node.application.ledger.tip.height == 0


class TestFailures:
    """The application can't go on: the engine hears it, and so does whoever supervises it."""

    @pytest.mark.parametrize(
        ("failure", "code", "restart"),
        [
            (StoreFull(chain="c", percent=80), "storage.full", True),
            (StoreDamaged(chain="c", what="w"), "store.damaged", False),
            (BlockInvalid(height=1, reason="r"), "block.invalid", False),
            (ZeroDivisionError(SECRET.decode()), "engine.failed", False),
            (OSError(5, SECRET.decode(), "file"), "engine.failed", False),
        ],
    )
    def test_a_failure_is_told_and_kept(
        self,
        failure: Exception,
        code: str,
        restart: bool,
        node: AbciNode,
        engine: AbciClient,
        chain: Chain,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def fail() -> int:
            raise failure

        engine.finalize(1, chain.start + BLOCK_MS, [])
        monkeypatch.setattr(node.application, "commit", fail)
        said = engine.commit()
        assert said.error == (failure.code if isinstance(failure, PlatformError) else type(failure).__name__)
        until(lambda: node.server.failure)
        assert node.server.failure is not None
        assert node.server.failure.code == code
        assert node.server.may_restart == restart
        assert (node.seen.begun, node.seen.given_up, node.seen.blocks) == (1, 1, [])
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert SECRET.decode() not in caplog.text
        assert engine.read() is None

    def test_nobody_is_served_until_the_application_answers_again(
        self, node: AbciNode, engine: AbciClient, chain: Chain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def damaged() -> None:
            raise StoreDamaged(chain="c", what="w")

        with monkeypatch.context() as broken:
            broken.setattr(node.application, "info", damaged)
            assert engine.info().error == "store.damaged"
            for _ in range(3):
                with node.connect() as other:
                    assert other.read().exception.error == "store.damaged"
                    assert other.read() is None
            assert node.server.failure is not None
        with started(node, chain) as again:
            again.block(1, chain.start + BLOCK_MS, [chain.sign()])
        assert node.server.failure is None
        assert node.server.may_restart

    def test_a_decided_block_that_can_not_be_applied(self, node: AbciNode, engine: AbciClient, chain: Chain) -> None:
        assert engine.finalize(1, chain.start + BLOCK_MS, [b"x"]).error == "block.invalid"
        until(lambda: node.server.failure)
        assert not node.server.may_restart
        assert node.application.ledger.tip.height == 0

    def test_a_store_without_room(self, home: Path, tmp_path: Path) -> None:
        chain = found_chain()
        ledger = chain.create(home, map_bytes=300 << 10)
        large = [chain.sign(chain.batch(bytes(900), bytes(number))) for number in range(1, 60)]
        with abci_node(ledger, tmp_path) as node, started(node, chain) as engine:
            answer = None
            for height in range(1, 60):
                at = chain.start + height * BLOCK_MS
                assert engine.process(height, at, large) == 1
                engine.finalize(height, at, large)
                answer = engine.commit()
                if hasattr(answer, "error"):
                    break
                large = [chain.sign(chain.batch(bytes(900), bytes(number))) for number in range(1, 60)]
            assert answer is not None
            assert answer.error == "storage.full"
            until(lambda: node.server.failure)
            assert node.server.may_restart
            height = ledger.tip.height
            with started(node, chain) as again:  # nothing was written: the same block can come again
                assert again.info().last_block_height == height
        ledger.close()

    def test_what_is_durable_is_told_when_the_engine_has_gone(
        self, node: AbciNode, engine: AbciClient, chain: Chain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = node.application.commit

        def commit_alone() -> int:
            engine.socket.shutdown(socket.SHUT_RDWR)
            return commit()

        monkeypatch.setattr(node.application, "commit", commit_alone)
        raw = chain.sign()
        engine.finalize(1, chain.start + BLOCK_MS, [raw])
        engine.send(framed(Request(commit={})))
        until(lambda: node.seen.blocks)
        assert [(height, txs) for height, _, txs, _ in node.seen.blocks] == [(1, [raw])]
        assert node.server.failure is None


class TestClosing:
    """Everything ends, whatever is going on."""

    def test_threads_end(self, ledger: Ledger, tmp_path: Path, chain: Chain) -> None:
        with abci_node(ledger, tmp_path) as node:
            clients = [started(node, chain) for _ in range(4)]
            assert len(threads()) == 5
            node.server.close()
            assert not threads()
            assert not node.path.exists()
            assert [client.read() for client in clients] == [None] * 4

    def test_a_request_in_hand_is_finished(
        self, ledger: Ledger, tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that the application can be closed as soon as ``close`` has returned."""
        begun, go_on = threading.Event(), threading.Event()
        with abci_node(ledger, tmp_path) as node:
            engine = started(node, chain)
            commit = node.application.commit

            def slow() -> int:
                begun.set()
                assert go_on.wait(PATIENCE)
                return commit()

            monkeypatch.setattr(node.application, "commit", slow)
            engine.finalize(1, chain.start + BLOCK_MS, [])
            engine.send(framed(Request(commit={})))
            assert begun.wait(PATIENCE)
            closing = threading.Thread(target=node.server.close)
            closing.start()
            time.sleep(0.05)
            assert closing.is_alive()
            go_on.set()
            closing.join(PATIENCE)
            assert not closing.is_alive()
        assert ledger.tip.height == 1
        assert [height for height, _, _, _ in node.seen.blocks] == [1]

    def test_from_within_a_request(self, ledger: Ledger, tmp_path: Path, chain: Chain) -> None:
        with abci_node(ledger, tmp_path) as node:
            engine = started(node, chain)
            node.seen.refused = lambda *_: node.server.close()  # type: ignore[method-assign]
            engine.send(framed(Request(check_tx={"tx": b"x"})))
            assert engine.read() is None
        until(lambda: not threads())

    def test_under_load(self, ledger: Ledger, tmp_path: Path, chain: Chain) -> None:
        raws = [chain.sign(chain.add(f"c{number}")) for number in range(20)]

        def load(client: AbciClient) -> None:
            while True:
                try:
                    client.send(framed(*[Request(check_tx={"tx": raw}) for raw in raws]))
                except OSError:
                    return
                for _ in raws:
                    if client.read() is None:
                        return

        with abci_node(ledger, tmp_path) as node:
            loads = [threading.Thread(target=load, args=(started(node, chain),)) for _ in range(4)]
            for one in loads:
                one.start()
            time.sleep(0.3)
            node.server.close()
            ledger.close()  # at once: nothing may be asked of it any more
            for one in loads:
                one.join(PATIENCE)
                assert not one.is_alive()
        assert node.server.failure is None


class TestTheSocket:
    """It is the owner's, replaces what was left, and says when it can't be."""

    def test_mode_and_what_was_left(self, ledger: Ledger, tmp_path: Path, chain: Chain) -> None:
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(tmp_path / "abci.sock"))
        left.close()
        with abci_node(ledger, tmp_path) as node:
            assert node.path.stat().st_mode & 0o777 == 0o600
            started(node, chain).socket.close()

    def test_a_path_that_is_too_long(self, node: AbciNode, tmp_path: Path) -> None:
        before = threads()
        with pytest.raises(OSError, match="too long"):
            AbciServer(tmp_path / ("x" * 150), AbciHandler(node.application, node.seen))
        assert threads() == before

    def test_no_more_file_descriptors(
        self, node: AbciNode, chain: Chain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Accepting goes on when there are some again."""
        monkeypatch.setattr(server_module, "_PAUSE_SECONDS", 0.01)
        accept, refusals = node.server._listener.accept, [0]

        class Listener:
            def accept(self) -> object:
                if refusals[0] < 3:
                    refusals[0] += 1
                    raise OSError(24, "Too many open files")
                return accept()

            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

        real = node.server._listener
        monkeypatch.setattr(node.server, "_listener", Listener())
        started(node, chain).socket.close()  # wakes the thread, which then asks the listener that fails
        started(node, chain).socket.close()
        assert refusals == [3]
        assert "no ABCI connection could be taken: OSError" in caplog.messages
        assert logging.getLevelName(caplog.records[0].levelno) == "WARNING"
