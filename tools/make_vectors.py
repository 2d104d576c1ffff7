"""Makes the project's own test vectors, ``tests/vectors/xinglin/*.json`` (docs/spec/vectors.md).

Run as ``python -m tools.make_vectors``; with ``--check`` it writes nothing and fails where a file would change. Formats
never change once published, so a difference is a mistake, or a new version with vectors of its own.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tools.vectors import access, bundles, chain, encoding, genesis, notes, records, trees
from tools.vectors.proofs import ProvenWorld

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "xinglin"


def made() -> dict[str, str]:
    """Return the text of each file by its name."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_worlds:
        worlds = {}
        for suite in ("gm", "intl"):
            worlds[suite] = ProvenWorld(Path(folder) / suite, suite)
            open_worlds.callback(worlds[suite].close)
        gm = worlds["gm"]
        files = {
            "encoding": encoding.encodings(gm),
            "identifiers": encoding.identifiers(),
            "hashes": encoding.hashes(),
            "genesis": genesis.geneses(),
            "key-proofs": genesis.key_proofs(),
            "epochs": genesis.epochs(),
            "log": trees.log(),
            "state-tree": trees.states(),
            "checkpoints": notes.checkpoints(worlds),
            "witnesses": notes.witnesses(worlds),
            "contradictions": notes.contradictions(gm),
            "commitments": records.commitments(worlds),
            "locators": records.locators(worlds),
            "access": access.access(worlds),
            "transactions": chain.transactions(worlds),
            "trust": bundles.trusts(),
        }
        for suite, world in worlds.items():
            files[f"chain-{suite}"] = chain.chain(world)
            files[f"bundles-{suite}"] = bundles.bundles(world)
        return {f"{name}.json": text for name, text in files.items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; return the exit status."""
    files = made()
    if arguments != ["--check"]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    different = sorted(name for name in files.keys() | written.keys() if files.get(name) != written.get(name))
    for name in different:
        print(f"{name} is not what is made now", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
