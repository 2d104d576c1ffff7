"""``python -m tests.network.run MANIFEST…``: plays fault tests of a consortium; the exit status is 1 if one failed."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.network.manifest import read_manifest
from tests.network.play import Player, Result

SCENARIOS = Path(__file__).parent / "scenarios"


def play(path: Path, folder: Path, seed: str, kills: int | None = None) -> Result:
    """Play a manifest in an empty folder."""
    return Player(path.stem, read_manifest(path), folder, seed, kills).play()


def main(arguments: list[str]) -> int:
    """Play manifests, all of them where none is named, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.network.run", description=__doc__)
    parser.add_argument("manifests", nargs="*", type=Path, help=f"manifests, or names of those in {SCENARIOS.name}/")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed chooses the same")
    parser.add_argument("--kills", type=int, help="how often 'alternate' kills, instead of what the manifest says")
    parser.add_argument("--keep", type=Path, help="leave homes and logs in this folder")
    parser.add_argument("--json", action="store_true", help="one JSON object with everything")
    told = parser.parse_args(arguments)
    paths = [one if one.suffix else SCENARIOS / f"{one}.toml" for one in told.manifests]
    results = []
    for path in paths or sorted(SCENARIOS.glob("*.toml")):
        with tempfile.TemporaryDirectory(prefix="xinglin-faults-") as scratch:
            folder = (told.keep or Path(scratch)) / path.stem
            folder.mkdir(parents=True)
            results.append(play(path, folder, told.seed, told.kills))
        if not told.json:
            _tell(results[-1])
    if told.json:
        print(json.dumps({"seed": told.seed, "scenarios": [one.__dict__ for one in results]}, sort_keys=True))
    return 1 if any(one.faults for one in results) else 0


def _tell(result: Result) -> None:
    verdict = "FAILS" if result.faults else "holds"
    count = sum(result.acknowledged.values())
    print(f"{verdict} {result.name}: {count} acknowledged, {result.seconds:.0f} s (seed {result.seed})", flush=True)
    for step in result.steps:
        print(f"      {step['at']:6.1f} s  {step['do']}, {step['took']} s")
    for fault in result.faults:
        print(f"      {fault}")
    if result.refused:
        print(f"      refused: {result.refused}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
