"""Any flipped byte of any file of a home is reported, or changes nothing; it is never served as good (design D14.3).

Half of the flips hit the files that hold records and chains, their first pages more often; a quarter hit any file, each
as likely as another whatever its size; a quarter hit files in which every byte counts, and all of these are reported.
How many: XINGLIN_HOME_FLIPS; the seed is XINGLIN_SEED.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import child, child_environment, run_child

FLIPS = int(os.environ.get("XINGLIN_HOME_FLIPS", "24"))
_FIRST_PAGES = 8192
_STORES = {"data.mdb", "index.sqlite", "index.sqlite-wal", "keyring.sqlite", "keyring.sqlite-wal", "00000001.seg"}
_WHOLE = {".seg", ".sealed", ".key"}
"""Files without slack: whatever is flipped in one, it is not what was written."""
Flip = dict[str, Any]


def flips(home: Path, count: int, source: random.Random) -> list[Flip]:
    """Draw flips over all files of a home that have content."""
    files = sorted(path for path in home.rglob("*") if path.is_file() and path.stat().st_size)
    stores = [path for path in files if path.name in _STORES]
    whole = [path for path in files if path.suffix in _WHOLE]
    drawn = []
    for number in range(count):
        path = source.choice(stores if number % 2 else whole if number % 4 == 0 else files)
        size = path.stat().st_size
        reach = min(size, _FIRST_PAGES) if source.random() < 0.3 else size
        mask = 1 << source.randrange(8) if source.random() < 0.5 else source.randrange(1, 256)
        drawn.append({"file": str(path.relative_to(home)), "position": source.randrange(reach), "mask": mask})
    return drawn


def answers(home: Path, given: list[Flip], folder: Path) -> Iterator[Flip]:
    """Have the flips tried in a process of its own, in a new one after each that a damaged store has ended."""
    left = list(given)
    while left:
        command = child(home, folder / "scratch", module="tests.scenario.flips")
        with subprocess.Popen(
            command, cwd=folder, env=child_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            assert json.loads(worker.stdout.readline())["things"] > 100
            while left:
                worker.stdin.write(json.dumps(left[0]) + "\n")
                worker.stdin.flush()
                answer = worker.stdout.readline()
                if not answer:
                    assert worker.wait() < 0, f"no signal ended it, but a fault: {left[0]}"
                    yield {**left.pop(0), "found": ["the process ended"], "wrong": []}
                    break
                yield json.loads(answer)
                left.pop(0)
            worker.stdin.close()


@pytest.mark.requirement("S9.1", "S6.2c2", command="xinglin ledger verify")
@pytest.mark.parametrize("state", ["hospital", "killed"])
def test_a_flipped_byte_is_reported_or_changes_nothing(
    state: str, request: pytest.FixtureRequest, tmp_path: Path, seeded: random.Random
) -> None:
    home: Path = request.getfixturevalue(state)
    passphrase = {"XINGLIN_PASSPHRASE_FILE": str(request.getfixturevalue("hospital").parent / "passphrase")}
    tried = list(answers(home, flips(home, FLIPS // 2, seeded), tmp_path))
    for one in tried:
        if one["found"] == ["the process ended"]:  # the product looks at a chain in a process of its own
            damaged = tmp_path / "damaged"
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(home, damaged)
            flip(damaged / one["file"], one["position"], one["mask"])
            said = run_child(child("ledger", "verify", "--home", damaged, "--json"), tmp_path, passphrase)
            assert said.status == 7, (one, said)
            assert said.json["findings"]
    print(
        *sorted(Counter(f"{kind(one)}: {'reported' if one['found'] else 'unchanged'}" for one in tried).items()),
        sep="\n",
    )
    wrong = [one for one in tried if one["wrong"]]
    assert not wrong, "\n".join(map(json.dumps, wrong))
    missed = [one for one in tried if not one["found"] and Path(one["file"]).suffix in _WHOLE]
    assert not missed, "\n".join(map(json.dumps, missed))
    reported = sum(bool(one["found"]) for one in tried)
    assert len(tried) // 4 <= reported < len(tried), "a verify that finds nothing, or finds whatever it looks at"


def kind(flip: Flip) -> str:
    """Return which kind of file was hit."""
    path = Path(flip["file"])
    name = "notes" if path.parent.name == "notes" else f"*{path.suffix}" if path.stem.isalnum() else path.name
    return name if len(path.parts) == 1 else f"{path.parts[0]}/{path.name if path.name in _STORES else name}"


def flip(path: Path, position: int, mask: int) -> None:
    """Flip bits of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)
