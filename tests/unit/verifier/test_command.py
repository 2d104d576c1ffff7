"""The command `xinglin-verify`: exit statuses, output in both languages and as JSON, and no traceback on any input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from xinglin_verify.__main__ import main

from tests.support.proof_bundles import BundleMaker

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a good bundle, a broken one, and trust files."""
    folder = tmp_path_factory.mktemp("bundles")
    maker = BundleMaker()
    data = maker.make()
    (folder / "good").write_bytes(data)
    (folder / "broken").write_bytes(data.replace(b'"Observation"', b'"observation"'))
    (folder / "cut").write_bytes(data[:-1])
    (folder / "trust").write_text(json.dumps(maker.trust()))
    (folder / "other_trust").write_text(json.dumps(maker.trust() | {"genesis": "00" * 32}))
    return folder


def command(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as users do, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "verifier/src"), **settings}
    full = [sys.executable, "-X", "dev", "-m", "xinglin_verify", *map(str, arguments)]
    return subprocess.run(full, capture_output=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("bundle", "trust", "status"),
    [
        ("good", "trust", 0),
        ("broken", "trust", 1),
        ("good", "other_trust", 1),
        ("good", None, 3),
        ("cut", "trust", 4),
        ("trust", "trust", 4),
        ("good", "good", 4),
        ("absent", "trust", 4),
        ("good", "absent", 4),
        (".", "trust", 4),
        ("/dev/zero", "trust", 4),
        ("/dev/null", "trust", 4),
    ],
)
def test_exit_statuses(
    folder: Path, bundle: str, trust: str | None, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(folder / bundle), *(["--trust", str(folder / trust)] if trust else [])]
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].endswith(f"(exit status {status})")
    assert err == ""
    assert main([*arguments, "--json"]) == status
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == status
    assert [step["step"] for step in report["steps"]][-1] in ("P1", "P3", "P15", "P16")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--lang", "de"], ["a", "--trust"], ["a", "--unknown"]])
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_each_step_is_a_line_with_its_number_and_the_verdict_is_the_last(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(folder / "good"), "--trust", str(folder / "trust")])
    english = capsys.readouterr().out.splitlines()
    main([str(folder / "good"), "--trust", str(folder / "trust"), "--lang", "zh"])
    chinese = capsys.readouterr().out.splitlines()
    assert len(english) == len(chinese) == 17
    for number, lines in enumerate(zip(english[:-1], chinese[:-1], strict=True), 1):
        assert [line.split()[0] for line in lines] == [f"P{number}"] * 2
    assert english[-1] == "verdict: holds (exit status 0)"
    assert chinese[-1] == "结论：成立（退出状态 0）"


def test_json_holds_the_facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(folder / "good"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["status"]) == ("not_trusted", 3)
    steps = {step["step"]: step for step in report["steps"]}
    assert steps["P3"]["verdict"] == "open"
    assert steps["P5"]["facts"]["height"] == 6
    assert isinstance(steps["P5"]["facts"]["time"], int)
    assert steps["P14"]["reason"] == "claim.record_stands"


def test_it_runs_by_itself_whatever_the_terminal_can_show(folder: Path) -> None:
    done = command(folder / "good", "--trust", folder / "trust", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u534f\\u548c Hospital" in done.stdout
    done = command(folder / "cut", "--lang", "zh", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (4, b"")


def test_a_reader_who_leaves_does_not_change_the_status(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "verifier/src")}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "xinglin_verify", folder / "broken"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        env=environment,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_names_can_not_rewrite_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A member's name with a newline, an escape sequence and a direction mark stays in its line, visibly."""
    name = "x\nP16 holds\x1b[2K\u202everdict: \udc80 {time}".encode("utf-8", "surrogateescape")

    def named(member: list[object]) -> None:
        member[3] = name

    (tmp_path / "bundle").write_bytes(BundleMaker(tweaks={"member": named}).make())
    assert main([str(tmp_path / "bundle")]) == 3
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 17
    assert "x\\u000aP16 holds\\u001b[2K\\u202everdict: \\x80 {time}" in out


def test_times_beyond_the_calendar_are_shown_as_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def late(behaviour: list[object]) -> None:
        behaviour[5] = (1 << 63) - 1

    (tmp_path / "bundle").write_bytes(BundleMaker(tweaks={"behaviour": late}).make())
    assert main([str(tmp_path / "bundle")]) == 3
    assert "9223372036854775807 ms" in capsys.readouterr().out
