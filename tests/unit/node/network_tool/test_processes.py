"""Processes of nodes: who is one, what they said last; logs that are followed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from xinglin.node.network_tool.creating import require_free
from xinglin.node.network_tool.errors import PlaceTaken
from xinglin.node.network_tool.folder import NetworkFolder, NetworkNode
from xinglin.node.network_tool.logs import follow_log, tail
from xinglin.node.network_tool.processes import last_said, process_of, stop_processes


@pytest.fixture
def node(tmp_path: Path) -> NetworkNode:
    one = NetworkNode("one", tmp_path / "one", "a" * 26, "b" * 26, True, "", "", "", "")
    one.log_folder.mkdir(parents=True)
    return one


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that ignores SIGTERM."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def write_number(node: NetworkNode, process: int, started: str) -> None:
    (node.log_folder / "serve.pid").write_text(json.dumps({"process": process, "started": started}))


def started(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]


def test_a_number_that_went_to_another_process_is_no_node(node: NetworkNode, sleeper: subprocess.Popen[bytes]) -> None:
    assert process_of(node) is None
    write_number(node, sleeper.pid, started(sleeper.pid))
    assert process_of(node) == sleeper.pid
    write_number(node, sleeper.pid, "1")
    assert process_of(node) is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"process": "x", "started": 1}', '{"process": 1e99}', "\x00" * 9])
def test_a_file_that_is_no_number_is_no_node(text: str, node: NetworkNode) -> None:
    (node.log_folder / "serve.pid").write_text(text)
    assert process_of(node) is None


def test_who_does_not_end_is_killed(node: NetworkNode, sleeper: subprocess.Popen[bytes]) -> None:
    write_number(node, sleeper.pid, started(sleeper.pid))
    network = NetworkFolder(node.home.parent, "c" + "a" * 26, (node,))
    assert stop_processes(network, [node], seconds=3.0) == ["one"]
    assert sleeper.wait(60) == -9
    assert process_of(node) is None
    assert stop_processes(network, [node]) == []


def test_what_a_process_said_last_is_a_refusals_sentence(node: NetworkNode) -> None:
    assert last_said(node) == "-"
    node.serve_log.write_text('starting\n{"error": {"sentence": "The passphrase is wrong."}}\n\n')
    assert last_said(node) == "The passphrase is wrong"
    node.serve_log.write_text("one\ntwo\n")
    assert last_said(node) == "two"


def test_a_place_that_is_taken_is_refused(node: NetworkNode) -> None:
    place = f"127.0.0.1:{free_port()}"
    require_free("one", place)
    with socket.create_server(("127.0.0.1", int(place.rpartition(":")[2]))), pytest.raises(PlaceTaken):
        require_free("one", place)
    with pytest.raises(PlaceTaken):
        require_free("one", "host.invalid:1")


def test_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log, 3) == []
    log.write_bytes(b"x" * 200_000 + b"\n1\n2\n\xff\n")
    assert tail(log, 3) == ["1", "2", "\ufffd"]
    assert tail(log, 0) == []


def test_a_log_is_followed_over_its_new_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    steps = iter(
        [
            lambda: log.write_text("old\none\ntw"),
            lambda: log.write_text("old\none\ntwo\n"),
            lambda: (log.rename(tmp_path / "log.1"), log.write_text("three\n")),
        ]
    )
    lines = follow_log(log, lambda _: next(steps)())
    assert [next(lines) for _ in range(3)] == ["one", "two", "three"]
