"""Begins the consortium chain of a home anew from the other members' nodes (S6.2c2, S9.1; docs/spec/recovery.md).

What is damaged is set aside as evidence, the chain begins at height 0, and the home's engine brings it up to date when
the node is served next. Keys, the private chain, vault, and what this node has signed stay as they are. Needs no key
and opens no store that may be damaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.access.founding_block import check_founding
from xinglin.carrier.access.governance.validators import validators_of
from xinglin.carrier.consensus.comet.beginning import Beginning, write_beginning
from xinglin.carrier.consensus.comet.errors import EngineFileDamaged
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.carrier.consensus.comet.light import read_header, validators_hash
from xinglin.carrier.consensus.comet.opening import read_opening
from xinglin.carrier.consensus.comet.stale import stop_strays
from xinglin.carrier.ledger.anew import begin_anew, move_aside
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.genesis import chain_id
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Genesis
from xinglin.carrier.ledger.reading import CommittedState
from xinglin.carrier.ledger.snapshot import restore_snapshot
from xinglin.carrier.ledger.store import GENESIS_NAME
from xinglin.carrier.ledger.trust import parse_trust
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import Conflict, Integrity, Invalid
from xinglin.node.chains import rules_of, suite_of
from xinglin.node.child import run_module
from xinglin.node.consortium.package import Package, open_package
from xinglin.node.consortium.room import RESTORED, require_room
from xinglin.node.home import Home
from xinglin.node.remote.errors import NodeServed
from xinglin.node.remote.local import serving_process
from xinglin.node.setup import COMETBFT
from xinglin.settings import load_settings

CHILD_MODULE = "xinglin.node.genesis_child"
_MAX_GENESIS_BYTES = 1 << 22
_MAX_STATE_BYTES = 1 << 16
_STOP_SECONDS = 10.0


class RebuildImpossible(Conflict):
    """Nobody else has the blocks of the chain that is to be rebuilt."""

    code, number, clause = "rebuild.impossible", 6270, "S9.1"
    en = "The consortium chain of {home} can't be rebuilt from other members: its blocks are made by '{engine}'."
    zh = "{home} 的联盟链无法从其他成员重建：其出块方式为“{engine}”。"
    hint_en = "Restore the home from a backup; only a chain on CometBFT has its blocks on other members' nodes."
    hint_zh = "请从备份恢复；只有 CometBFT 上的链，其他成员节点才保存其区块。"


class GenesisLost(Integrity):
    """Neither a chain's store nor the file beside it gives the genesis."""

    code, number, clause = "rebuild.genesis_lost", 6271, "S9.1"
    en = "The genesis of chain {chain} can't be read from {home}."
    zh = "无法从 {home} 读取链 {chain} 的创世文件。"
    hint_en = "Copy the file 'chain/{chain}/genesis' of any other member's home and name it with --genesis."
    hint_zh = "请从任一其他成员的节点目录复制 chain/{chain}/genesis，并用 --genesis 指定。"


class GenesisOther(Invalid):
    """A file is not the genesis of the chain that is to be rebuilt."""

    code, number, clause = "rebuild.genesis_other", 6272, "S9.1"
    en = "{file} is not the genesis of chain {chain}."
    zh = "{file} 不是链 {chain} 的创世文件。"
    hint_en = "The id of a chain is the hash of its genesis: take the file from a home of that very chain."
    hint_zh = "链标识由创世文件的哈希得出：请从属于该链的节点目录获取。"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was set aside, and where it is now; the chain is at ``height``: 0, or that of a package."""

    chain: str
    height: int
    aside: Path
    moved: tuple[Path, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Sources:
    """From what a chain is begun: its genesis, for a home that has lost it; a recovery package, to begin at its height.

    ``trust``: a trust file's content; its pins hold for the package besides the chain's genesis.
    """

    genesis: Path | None = None
    package: Path | None = None
    trust: bytes | None = None


def rebuild(path: Path, now: int, sources: Sources = Sources()) -> Rebuilt:
    """Set a home's consortium chain and its engine's data aside, and begin the chain at height 0 or at a package's.

    The chain's store goes before the engine's: an engine that has blocks which the chain has not gives them to it, the
    other way round it can't start. Called again after a crash it goes on from there.

    Args:
        path: the home; no process serves it.
        now: the present time in ms, for the name of the folder.
        sources: from what it begins.

    Raises:
        HomeNotFound, SettingsInvalid: see ``load_settings``.
        RebuildImpossible: its blocks are not made by CometBFT.
        NodeServed, StoreLocked: a process has the home open.
        GenesisLost, GenesisOther: there is no genesis of this chain.
        EngineFileDamaged: a key of the engine, its ``genesis.json`` or its state of signing is damaged.
        EngineSigningStateLost: the state of signing is gone; nothing was moved.
        EngineHomeInUse: an engine runs there that can't be stopped.
        TrustInvalid, PackageInvalid, SnapshotInvalid: the package does not prove itself; nothing was moved.
        DiskRoomMissing: the disk has no room for what is made of it; nothing was written.
    """
    home, settings = Home(path.resolve()), load_settings(path)
    chain = settings.consortium.id
    if settings.consortium.engine != COMETBFT:
        raise RebuildImpossible(home=str(path), engine=settings.consortium.engine)
    process = serving_process(home.path)
    if process is not None:
        raise NodeServed(home=str(path), process=process)
    rules = _rules(home, chain, sources.genesis)
    engine = EngineHome(home.engine(chain))
    identity(engine)
    _check_signing_state(engine)
    check_founding(rules, read_opening(engine).transactions)
    stop_strays(engine.folder, _STOP_SECONDS)
    aside = home.evidence / f"rebuild-{chain}-{now}"
    home.evidence.mkdir(mode=0o700, exist_ok=True)
    map_bytes, height = settings.storage.map_gib << 30, 0
    if sources.package is None:
        moved = begin_anew(home.path, rules, aside / "chain", map_bytes)
    else:
        trust = None if sources.trust is None else parse_trust(sources.trust)
        with open_package(sources.package) as package:
            package.check(rules, trust)
            require_room(home.path, RESTORED * sources.package.stat().st_size)
            height = package.note.head.height

            def fill(making: Path) -> None:
                beginning = _restore(package, rules, making, map_bytes)
                write_beginning(engine, beginning)

            moved = begin_anew(home.path, rules, aside / "chain", map_bytes, fill)
    data = [one for one in engine.signing_state.parent.iterdir() if one != engine.signing_state]
    moved += move_aside(sorted(data), aside / "engine")
    return Rebuilt(chain, height, aside, tuple(moved), sum(_bytes_of(moved)))


def _restore(package: Package, rules: ChainRules, making: Path, map_bytes: int) -> Beginning:
    """Make the store of a package's height, and return where its engine begins: at headers that go with that state.

    Raises:
        SnapshotInvalid, PackageInvalid: it is not so.
    """
    head = package.note.head
    restore_snapshot(making, rules, head, package.manifest, package.chunks(), map_bytes)
    ledger = Ledger.open(making, rules, map_bytes)
    try:
        validators, app_hash = validators_of(CommittedState(ledger)), ledger.tip.app_hash
    finally:
        ledger.close()
    headers = {
        height: read_header(package.light.get(str(height), {}).get("commit", {}))
        for height in (head.height + 1, head.height + 2)
    }
    following, trusted = headers[head.height + 1], headers[head.height + 2]
    if following is None or following.height != head.height + 1 or following.app_hash != app_hash:
        raise package.invalid("its light blocks don't have the app hash of its snapshot")
    if trusted is None or trusted.height != head.height + 2 or trusted.validators_hash != validators_hash(validators):
        raise package.invalid("its light blocks don't have the validators of its snapshot")
    return Beginning(head.height, trusted.height, trusted.hash, package.light)


def _rules(home: Home, chain: str, given: Path | None) -> ChainRules:
    """Return the rules of a chain from the first genesis that can be had: its id says whether it is the right one."""
    if given is not None:
        found = _genesis(_read(given), chain)
        if found is None:
            raise GenesisOther(file=str(given), chain=chain)
        return rules_of(found)
    found = _genesis(_read(home.chain(chain) / GENESIS_NAME), chain)
    if found is None:
        said = run_module(CHILD_MODULE, str(home.path), chain).stdout[: 2 * _MAX_GENESIS_BYTES]
        found = _genesis(_from_hex(said), chain)
    if found is None:
        raise GenesisLost(home=str(home.path), chain=chain)
    return rules_of(found)


def _genesis(data: bytes, chain: str) -> Genesis | None:
    """Return the genesis that bytes are if it is the chain's, else None."""
    try:
        genesis = decode(Genesis, data)
    except Invalid:
        return None
    return genesis if chain_id(suite_of(genesis).hash, genesis) == chain else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_GENESIS_BYTES)
    except OSError:
        return b""


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""


def _check_signing_state(engine: EngineHome) -> None:
    """Refuse a state of signing that can't be read: it stays in force, so it has to be whole.

    Raises:
        EngineFileDamaged: it is not what an engine writes.
    """
    try:
        with engine.signing_state.open("rb") as file:
            said = json.loads(file.read(_MAX_STATE_BYTES))
        whole = int(said["height"]) >= 0 and int(said["round"]) >= 0 and said["step"] in range(4)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise EngineFileDamaged(file=str(engine.signing_state))


def _bytes_of(paths: list[Path]) -> Iterator[int]:
    """Yield what files take on the disk; a sparse map takes what was written."""
    for path in paths:
        for one in path.rglob("*") if path.is_dir() else [path]:
            if one.is_file():
                yield one.stat().st_blocks * 512
