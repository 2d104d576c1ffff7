"""The engine's log: kept in bounded parts, its end shown, and a failure of consensus seen once."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinglin.carrier.consensus.comet.log import KEPT_LOGS, EngineLog


def say(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_it_is_kept_in_bounded_parts(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    log = EngineLog(path, maximum=100)
    log.rotate()
    with path.open("a") as engine:  # as the engine has it: open all the while
        for part in range(KEPT_LOGS + 3):
            engine.write(f"{part}" * 120 + "\n")
            engine.flush()
            log.rotate()
            assert path.stat().st_size == 0
        engine.write("after\n")
    assert path.read_text() == "after\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["engine.log", *[f"engine.log.{n}" for n in range(1, 5)]]
    assert (tmp_path / "engine.log.1").read_text().startswith("6")
    assert (tmp_path / "engine.log.4").read_text().startswith("3")


def test_its_end_is_shown_as_text(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    log = EngineLog(path)
    assert log.tail() == ()
    say(path, *[f"line {number}" for number in range(5000)], "", "\x1b[31mred\x1b[0m", "x" * 1000)
    lines = log.tail()
    assert lines[0] == "line 4983"
    assert lines[-2:] == ("[31mred [0m", "x" * 400)


def test_a_failure_is_seen_once_and_only_that_of_this_engine(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    log = EngineLog(path)
    say(path, "E CONSENSUS FAILURE!!! of the one before")
    with log.opened():
        pass
    assert log.news().failure == ""
    say(path, "I good")
    with path.open("a") as file:
        file.write("E CONSENSUS FAIL")
    assert log.news().failure == ""
    say(path, "URE!!! err=x", "more")
    assert log.news().failure == "E CONSENSUS FAILURE!!! err=x"
    assert log.news().failure == ""
    path.write_text("E CONSENSUS FAILURE!!! again\n")
    assert log.news().failure == "E CONSENSUS FAILURE!!! again"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ERROR: failed to create node: failed to initialize database: leveldb: manifest corrupted (x)", True),
        ("panic: StoreBlockHeight (4674) > StateBlockHeight + 1 (4649)", True),
        ("ERROR: failed to create node: error during handshake: app block height (9) is higher than core (0)", True),
        ("panic: Error reading block: proto: wrong wireType", True),
        ("LoadValidators: Data has been corrupted or its spec has changed:", True),
        ("E[2026-11-26|12:46:10.980] Stopping peer err=corrupt", False),
        ("E[2026-11-26|12:46:10.980] x panic: leveldb: corrupted", False),
        ("ERROR: failed to listen on 127.0.0.1:26656: address already in use", False),
        ("ERROR: failed to initialize database: no space left on device", False),
    ],
)
def test_last_words_of_damaged_data_are_known_from_what_others_say(tmp_path: Path, line: str, found: bool) -> None:
    path = tmp_path / "engine.log"
    log = EngineLog(path)
    say(path, "panic: leveldb: corrupted, said the one before")
    with log.opened():
        pass
    assert log.damage() == ""
    say(path, "I good", line, "goroutine 1")
    assert log.damage() == (line if found else "")


def test_peers_that_were_refused_as_doubled_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    log = EngineLog(path)
    one, other = "a1" * 20, "b2" * 20
    refused = 'Ignoring inbound connection: error while adding peer module=p2p err="duplicate ID<{}>" id={}'
    with log.opened():
        pass
    say(
        path,
        f"I[2026-11-26|17:58:08.201] {refused.format(one, one)}",
        f"I[2026-11-26|17:58:08.203] {refused.format(one, one)}",
        f'I[2026-11-26|17:58:08.204] Dialing moniker="{refused.format(other, other)}"',
        'I[2026-11-26|17:58:08.205] Ignoring inbound connection: error while adding peer module=p2p err="filtered"',
    )
    assert log.news().doubled == {bytes.fromhex(one)}
    assert log.news().doubled == frozenset()
