"""A home is made whole or not at all; what is in the way is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import child, child_environment, make_hospital, run_child, write_passphrase
from tests.support.waiting import until
from xinglin.node.home import HomeExists, made_whole


def test_a_home_that_fails_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    def make() -> None:
        with made_whole(tmp_path / "home") as making:
            (making / "config.toml").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("mine")
    with pytest.raises(HomeExists), made_whole(tmp_path / "home"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["home", "letter"]


def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    with made_whole(tmp_path / "deep" / "home") as making:
        (making / "config.toml").write_text("whole")
    assert (tmp_path / "deep" / "home").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["home"]


HELD = """
import runpy, time
from pathlib import Path
rename = Path.rename
def held(path, target):
    if path.name.endswith(".making"):
        time.sleep(3_600)
    return rename(path, target)
Path.rename = held
runpy.run_module("xinglin", run_name="__main__", alter_sys=True)
"""
"""A command that never lets a home take its place: it is killed before, however late that is."""


@pytest.mark.parametrize("seen", ["config.toml", "vault", "keys"])
def test_a_killed_init_can_be_run_again(seen: str, tmp_path: Path) -> None:
    given = {"XINGLIN_PASSPHRASE_FILE": str(write_passphrase(tmp_path))}
    command = child("init", "--home", tmp_path / "home", "--name", "Riverside Hospital", "--json")
    held = [sys.executable, "-c", HELD, *command[3:]]
    with subprocess.Popen(
        held, cwd=tmp_path, env=child_environment(given), stdout=subprocess.DEVNULL, start_new_session=True
    ) as making:
        until(lambda: list(tmp_path.glob(f".home.*.making/{seen}")))
        assert making.poll() is None
        os.killpg(making.pid, signal.SIGKILL)
    assert not (tmp_path / "home").exists()
    again = run_child(command, tmp_path, given)
    assert again.status == 0, again.err
    verified = run_child(child("ledger", "verify", "--home", tmp_path / "home", "--json"), tmp_path, given)
    assert verified.json["findings"] == []


def test_every_file_and_folder_of_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = make_hospital(tmp_path / "home")
    open_to_others = [str(path.relative_to(home)) for path in home.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_home_is_made_where_a_link_leads_and_in_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("new")
    here = tmp_path / "here"
    here.mkdir()
    (here / ".here.killed.making").mkdir()
    monkeypatch.chdir(here)
    for path, home in ((tmp_path / "link", "real"), (tmp_path / "dangling", "new"), (Path(), "here")):
        with made_whole(path) as making:
            (making / "config.toml").write_text("whole")
            (making / "keys").mkdir()
        assert (tmp_path / home / "config.toml").read_text() == "whole"
        assert (tmp_path / home).stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in here.iterdir()) == [".here.killed.making", "config.toml", "keys"]
