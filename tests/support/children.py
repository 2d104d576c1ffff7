"""What tests let another process do to a chain: ``python -m tests.support.children COMMAND ...``; it answers in lines.

A store can be damaged so that reading it ends the process, and a killed process shows what is durable.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tests.support.chain import MAP_BYTES, dump, rules_of
from tests.support.damage import flip
from tests.support.late import Peer
from xinglin.carrier.ledger import backfill, past
from xinglin.carrier.ledger.ledger import Candidate, Ledger
from xinglin.carrier.ledger.model import Genesis
from xinglin.carrier.ledger.reading import KEPT_UNDO_HEIGHTS, stored_genesis
from xinglin.carrier.ledger.recheck import recheck
from xinglin.kernel.errors import PlatformError

REPOSITORY = Path(__file__).resolve().parents[2]


def start(command: str, *arguments: object, hash_seed: str = "random") -> subprocess.Popen[bytes]:
    """Start a child; its stdin and stdout are pipes."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}"}
    line = [sys.executable, "-m", "tests.support.children", command, *map(str, arguments)]
    return subprocess.Popen(line, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def run(
    command: str, *arguments: object, given: bytes = b"", hash_seed: str = "random", patience: float | None = None
) -> tuple[int, list[str]]:
    """Run a child to its end; return its status (negative: the signal that ended it) and its lines.

    One that takes longer than ``patience`` seconds is killed.
    """
    with start(command, *arguments, hash_seed=hash_seed) as child:
        try:
            told, _ = child.communicate(given, timeout=patience)
        except subprocess.TimeoutExpired:
            child.kill()
            told, _ = child.communicate()
    return child.returncode, told.decode().splitlines()


def blocks_bytes(genesis: Genesis, blocks: Iterable[tuple[int, list[bytes]]]) -> bytes:
    """Return a genesis and blocks (time, transactions) as ``replay`` reads them."""
    return msgspec.msgpack.encode((genesis, list(blocks)))


def summary(candidate: Candidate) -> str:
    """Return what ``replay`` tells of a block: its app hash, and a digest of its receipts and changes."""
    receipts = [msgspec.msgpack.encode(one.receipt) for one in candidate.results]
    changes = [msgspec.msgpack.encode(item) for item in sorted(candidate.outcome.changes.items())]
    return f"{candidate.tip.app_hash.hex()} {digest([*receipts, *changes])}"


def _replay(home: str) -> None:
    """Execute the blocks on stdin in a new home and tell the app hash and the receipts of each."""
    genesis, blocks = msgspec.msgpack.decode(
        sys.stdin.buffer.read(), type=tuple[Genesis, list[tuple[int, list[bytes]]]]
    )
    ledger = Ledger.create(Path(home), rules_of(genesis), MAP_BYTES, sync=False)
    for time, raws in blocks:
        candidate = ledger.execute(ledger.tip.height + 1, time, raws)
        ledger.commit(candidate)
        print(summary(candidate))


def _recheck(home: str, chain: str, times: str = "1") -> None:
    """Recheck a chain and tell height, app hash, content and findings; a refusal is a finding."""
    for _ in range(int(times)):
        try:
            with tempfile.TemporaryDirectory() as scratch:
                found = recheck(Path(home), rules_of(stored_genesis(Path(home), chain)), Path(scratch))
            print(
                found.height, found.app_hash.hex(), *[f"{one.code}@{one.where.split(',')[0]}" for one in found.findings]
            )
        except PlatformError as refusal:
            print("-", "-", refusal.code)
        sys.stdout.flush()


def _flips(pristine: str, work: str, chain: str) -> None:
    """For each line ``file offset bit`` on stdin: copy a home, flip the bit, tell what recheck says and what is
    served."""
    for line in sys.stdin:
        file, offset, bit = line.split()
        print(line.strip(), end=" ", flush=True)
        home = Path(work)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(pristine, home)
        flip(home / file, int(offset), int(bit))
        print("+".join(sorted(set(_findings(home, chain)))) or "clean", end=" ", flush=True)
        print(_served(home, chain), flush=True)


def _findings(home: Path, chain: str) -> Iterator[str]:
    """Yield the codes of what ``ledger verify`` finds: in the chain, then, when it is clean, in the checkpoints."""
    from xinglin.node.home import Home  # noqa: PLC0415  (the other commands don't need a node)
    from xinglin.node.verify import verify_notes  # noqa: PLC0415

    try:
        rules = rules_of(stored_genesis(home, chain))
        if rules.chain != chain:
            yield "other-chain"
            return
        with tempfile.TemporaryDirectory() as scratch:
            found = [one.code for one in recheck(home, rules, Path(scratch)).findings]
        yield from found
        if not found:
            ledger = Ledger.open(home, rules, MAP_BYTES)
            yield from [finding.code for finding in verify_notes(Home(home), ledger)]
            ledger.close()
    except PlatformError as refusal:
        yield refusal.code


def _served(home: Path, chain: str) -> str:
    """Open a chain and return a digest of all that it serves, or the code of the refusal."""
    ledger = None
    try:
        ledger = Ledger.open(home, rules_of(stored_genesis(home, chain)), MAP_BYTES)
        return content(ledger)
    except PlatformError as refusal:
        return refusal.code
    finally:
        if ledger is not None:
            ledger.close()


def _grow(home: str, chain: str) -> None:
    """Commit the transactions on stdin (length, bytes), one a block, and tell each height when it is durable."""
    ledger = Ledger.open(Path(home), rules_of(stored_genesis(Path(home), chain)), MAP_BYTES)
    print("open", ledger.tip.height, flush=True)
    while length := sys.stdin.buffer.read(4):
        raw = sys.stdin.buffer.read(int.from_bytes(length, "big"))
        ledger.commit(ledger.execute(ledger.tip.height + 1, ledger.tip.time + 1, [raw]))
        os.write(1, f"{ledger.tip.height}\n".encode())


def _backfill(folder: str, chain: str) -> None:
    """Fetch the log that the home ``late`` lacks from the home ``peer``, a small slice a block; tell how far it is."""
    backfill.SLICE_ENTRIES, past.PAGE_BYTES = 20, 5_000
    rules = rules_of(stored_genesis(Path(folder) / "peer", chain))
    peer, late = (Ledger.open(Path(folder) / name, rules, MAP_BYTES) for name in ("peer", "late"))
    assert late.begun is not None
    fill = backfill.Backfill(late, late.begun)
    while late.log_start:
        whole = fill.next == fill.size
        late.write_past(fill.finish() if whole else fill.fetch(Peer(peer)), whole=whole)
        late.commit(late.execute(late.tip.height + 1, late.tip.time + 1, []))
        os.write(1, f"{fill.next}\n".encode())


def content(ledger: Ledger) -> str:
    """Return a digest of everything that a ledger serves, each value, entry and proof compared as when it is served."""
    tables = dump(ledger)
    heights = range(ledger.tip.height + 1)
    served: list[object] = [ledger.tip.app_hash, ledger.tip.time]
    served += [[key, ledger.value(key)] for key, _ in tables["state"]]
    served += [msgspec.msgpack.encode(ledger.entry(index)) for index in range(ledger.tip.log_size)]
    served += [msgspec.msgpack.encode(vars_of(ledger.head_at(height))) for height in heights]
    kept = heights[-KEPT_UNDO_HEIGHTS:]
    served += [ledger.prove_state(height, [key for key, _ in tables["state"]]) for height in kept]
    size, tiles = ledger.tip.log_size, ledger.tiles()
    served += [tiles.inclusion(index, size) for index in range(size)]
    served += [ledger.find(entry.leaf.valid_until, entry.leaf.body) for entry in map(ledger.entry, range(size))]
    return digest([msgspec.msgpack.encode(served)])


def vars_of(head: object) -> list[object]:
    """Return the fields of a head."""
    return [getattr(head, name) for name in ("chain", "size", "log_root", "state_root", "height", "time")]


def digest(parts: Iterable[bytes]) -> str:
    """Return a short digest of byte strings."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:32]


COMMANDS = {"replay": _replay, "recheck": _recheck, "flips": _flips, "grow": _grow, "backfill": _backfill}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
