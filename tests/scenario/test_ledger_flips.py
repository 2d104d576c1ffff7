"""Invariant 3 for a chain: for any flipped bit, either verifying reports it or all content and proofs are unchanged.

Each flip is tried on a fresh copy of a home in another process, because a damaged store can end it; that counts as
found. And whatever verifying would say: a node that is opened on the copy serves what was committed, or refuses.
``XINGLIN_FLIPS`` says how many bits are flipped (36). ``test_flips.py`` does the same to whole homes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support import children
from tests.support.chain import Chain, commit, found_chain
from tests.support.damage import data_file
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.cosign import Cosigner, NoteStore
from xinglin.carrier.ledger.ledger import Ledger

FLIPS = int(os.environ.get("XINGLIN_FLIPS", "36"))
PAGE = 4096
META_BYTES = 152  # page header and MDB_meta
PATIENCE_SECONDS = 120
SECONDS_A_FLIP = 5
ENDED = "ended"
"""What stands for the answer of a process that a damaged store ended."""

pytestmark = pytest.mark.requirement("S9.1", "S6.2c2")


def grown(chain: Chain, home: Path) -> str:
    """Make a chain of some blocks, with cosigned checkpoints, and return a digest of what it serves."""
    ledger = chain.create(home)
    for number in range(40):
        raws = [chain.sign(chain.add(f"c{number}-{one}")) for one in range(number % 9)]
        raws.append(chain.sign(chain.batch(*[bytes([number]) * 90 for _ in range(4)]), keys=[chain.key(1)]))
        commit(ledger, *raws if number % 5 else [])
        if number % 20 == 10:
            commit(ledger, chain.sign(chain.remove(f"c{number - 1}-0")))
            checkpoint(chain, home, ledger)
    served = children.content(ledger)
    ledger.close()
    return served


def checkpoint(chain: Chain, home: Path, ledger: Ledger) -> None:
    """Keep a checkpoint with the first founder's signature."""
    party = chain.parties[0]
    notes = NoteStore(home / "chain" / chain.rules.chain)
    signer, keys = Signer(party.key.public, party.key.sign), {party.member: party.key.public}
    Cosigner(chain.rules, party.member, lambda _: signer, notes, ledger.head_at, lambda _: keys).checkpoint(
        ledger.tip.height
    )


def places(chain: Chain, home: Path, rng: random.Random) -> list[tuple[str, int, int]]:
    """Return (file, offset, bit) of the flips: a third in LMDB's meta pages and the small files, the rest anywhere."""
    folder = f"chain/{chain.rules.chain}"
    data = f"{folder}/data/data.mdb"
    size = data_file(home, chain.rules.chain).stat().st_size
    small = [f"{folder}/head", *(f"{folder}/notes/{path.name}" for path in (home / folder / "notes").iterdir())]
    found = []
    for number in range(FLIPS):
        if number % 6 == 0:
            file, offset = data, rng.randrange(2) * PAGE + rng.randrange(META_BYTES)
        elif number % 6 == 1:
            file = rng.choice(small)
            offset = rng.randrange((home / file).stat().st_size)
        else:
            file, offset = data, rng.randrange(size)
        found.append((file, offset, rng.randrange(8)))
    return found


def judge(served: str, verdict: str, content: str) -> tuple[str, bool]:
    """Return what came of a flip in words, and whether the invariant holds."""
    kind = "same content" if content == served else content if content == ENDED else "refused"
    holds = (content in (served, ENDED) or "." in content) and (verdict != "clean" or content == served)
    return f"{verdict if verdict == 'clean' else 'found'}, {kind}", holds


def test_flipped_bits(home: Path, tmp_path: Path, seeded: random.Random) -> None:
    chain = found_chain()
    served = grown(chain, home)
    waiting = places(chain, home, seeded)
    seen: Counter[str] = Counter()
    wrong = []
    while waiting:
        lines = "".join(f"{file} {offset} {bit}\n" for file, offset, bit in waiting).encode()
        _, told = children.run(
            "flips",
            home,
            tmp_path / "work",
            chain.rules.chain,
            given=lines,
            patience=PATIENCE_SECONDS + SECONDS_A_FLIP * len(waiting),
        )
        assert told, "the process can't even begin"
        for line in told:
            *place, verdict, content = [*line.split(), ENDED, ENDED][:5]
            kind, holds = judge(served, verdict, content)
            seen[kind] += 1
            if not holds:
                wrong.append((*place, verdict, content))
        waiting = waiting[len(told) :]
    assert wrong == [], seen
    assert seen["clean, same content"] > 0
    assert sum(count for kind, count in seen.items() if kind.startswith("found")) > FLIPS // 10
    print(dict(seen))
