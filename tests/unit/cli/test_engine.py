"""``xinglin engine``: which binary is used, and refusals that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.product import xinglin
from xinglin.carrier.consensus.comet.binary import VERSION


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a program in XINGLIN_ENGINE that says the right version."""
    path = tmp_path / "engine"
    path.write_text(f"#!/bin/sh\necho {VERSION}\n")
    path.chmod(0o755)
    monkeypatch.setenv("XINGLIN_ENGINE", str(path))
    return path


def test_status_tells_path_and_version(named: Path) -> None:
    said = xinglin("engine", "status", "--json")
    assert said.json == {"path": str(named), "version": VERSION, "named": True}
    assert str(named).encode() in xinglin("engine", "status").out


def test_status_of_none_is_a_refusal_that_names_the_command(named: Path) -> None:
    named.unlink()
    said = xinglin("engine", "status")
    assert said.code == "engine.missing"
    assert said.status == 5
    assert "xinglin engine install" in said.err


def test_an_installation_that_can_not_go_on_is_a_refusal(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = env ] && echo go1.26.8 && exit 0\necho no proxy >&2; exit 1\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    told = xinglin("engine", "install")
    assert told.code == "engine.build"
    assert "no proxy" in told.err
    assert "Go 1.26.8" in told.err
    said = xinglin("engine", "install", "--json")
    assert said.err == ""
    assert said.json["error"]["code"] == "engine.build"
