"""The local socket of a node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xinglin.server.process import _local_socket


def test_it_is_the_owners_from_its_first_moment_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The umask is the process's: changed here, a folder that another thread makes just then could not be entered."""
    former = os.umask(0)
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("it is for all threads"))
    monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("others could have connected before"))
    try:
        with _local_socket(tmp_path / "node.sock"):
            assert (tmp_path / "node.sock").stat().st_mode & 0o777 == 0o600
        assert not (tmp_path / "node.sock").exists()
    finally:
        monkeypatch.undo()
        os.umask(former)
