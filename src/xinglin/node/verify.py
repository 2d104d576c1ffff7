"""Verifies a whole home: chains, checkpoints, vault, keyring, keys, openings, projections (S6.2c2, S9.1; invariant 3).

Each chain is opened and executed again in a child process, because a damaged LMDB store can end a process; a child that
dies is a finding. Nothing of the home is changed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.access.governance.epochs import epoch_at, epochs_of
from xinglin.carrier.access.registry.model import AccountState, MemberState, NodeState
from xinglin.carrier.crypto.keystore import KeyStore, open_keystore
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.cosign import NoteStore, check_signature
from xinglin.carrier.ledger.errors import ChainBegunLate, CheckpointFork, CheckpointUnavailable, StoreDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.recheck import Finding
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Integrity, PlatformError
from xinglin.node.behind import Behind, behind
from xinglin.node.child import run_module
from xinglin.node.founding import person_commitment
from xinglin.node.home import Home
from xinglin.node.node import Node, open_node
from xinglin.node.office.corrections import correction_findings
from xinglin.node.office.episodes import episode_findings
from xinglin.node.office.notices import notice_findings
from xinglin.node.records.access import trace_findings
from xinglin.node.records.archive import identity_findings, open_archive, registration_findings
from xinglin.node.records.replaying import orders_in
from xinglin.service.basic.coordination.model import MemberAnchor
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.lifecycle.storage.verification import findings as vault_findings
from xinglin.settings import Settings, load_settings

CHILD_MODULE = "xinglin.node.verify_child"


class HomeContradicted(Integrity):
    """Something in a home's files contradicts the chain."""

    code, number, clause = "home.contradicted", 6005, "S9.1"
    en = "{what} is not what the chain says."
    zh = "{what} 与链上内容不一致。"
    hint_en = "The file was altered; restore it from a backup."
    hint_zh = "该文件被改动；请从备份恢复。"


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What the recheck of one chain said."""

    chain: str
    height: int
    entries: int
    app_hash: str
    findings: list[Finding]


def verify_chain(home: Home, chain: str) -> ChainVerdict:
    """Recheck one chain in a child process."""
    with tempfile.TemporaryDirectory(prefix="xinglin-verify-") as scratch:
        done = run_module(CHILD_MODULE, str(home.path), chain, scratch)
    try:
        return chain_verdict(chain, json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        damage = StoreDamaged(chain=chain, what=f"reading it ended the process with status {done.returncode}")
        return ChainVerdict(chain, 0, 0, "", [Finding(damage.code, "store", damage.sentence())])


def chain_verdict(chain: str, said: dict[str, Any]) -> ChainVerdict:
    """Return the verdict that the child process said of a chain."""
    findings = [Finding(**finding) for finding in said["findings"]]
    return ChainVerdict(chain, said["height"], said["entries"], said["app_hash"], findings)


def verify_notes(home: Home, ledger: Ledger) -> Iterator[Finding]:
    """Yield what is wrong with the checkpoints that a home keeps of a chain, as far as it has their heights."""
    notes = NoteStore(home.chain(ledger.rules.chain))
    epochs = epochs_of(ledger.value)
    for height in notes.heights():
        try:
            note = notes.load(height)
            if note is None or height > ledger.tip.height:
                continue
            _check_note(ledger, note.head)
            keys = {member.member: member.key for member in epoch_at(epochs, height).members}
            for line in note.signatures:
                check_signature(ledger.rules, note, line, keys.get(line.member, b""))
        except PlatformError as refusal:
            yield _finding(refusal, f"checkpoint {height}")


def _check_note(ledger: Ledger, said: Head) -> None:
    """Compare the head of a kept checkpoint with the chain, which must be able to prove it.

    Before the height at which a home began there are no states: what is left to compare is the log, once it is whole.
    """
    chain, height = ledger.rules.chain, said.height
    if ledger.begun is not None and said.height < ledger.begun.height:
        if ledger.log_start > 0:
            return
        if said.size > ledger.begun.size or ledger.tiles().root(said.size) != said.log_root:
            raise CheckpointFork(chain=chain, height=height)
        return
    if said != ledger.head_at(said.height):
        raise CheckpointFork(chain=chain, height=height)
    if not ledger.can_prove(said.height):
        raise CheckpointUnavailable(chain=chain, height=height)


def verify_openings(home: Home, settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """Yield what in ``config.toml`` and ``accounts/`` contradicts the registry."""
    stored = ledger.value(state_key("registry", "member", settings.member))
    if stored is None or decode(MemberState, stored).name != settings.name.encode():
        yield _finding(HomeContradicted(what="member and name in config.toml"), "config.toml")
    anchored = ledger.value(state_key("anchor", "member", settings.member))
    named = decode(MemberAnchor, anchored).chain if anchored is not None else ""
    if named != (settings.private.id if settings.private else ""):
        yield _finding(HomeContradicted(what="the private chain in config.toml"), "config.toml")
    node = ledger.value(state_key("registry", "node", settings.node))
    if node is None or decode(NodeState, node).member != settings.member:
        yield _finding(HomeContradicted(what="node in config.toml"), "config.toml")
    for path in sorted((home.path / "accounts").glob("*.json")):
        try:
            opening = json.loads(path.read_bytes())
            salt, statement = bytes.fromhex(opening["salt"]), opening["statement"].encode()
            account = ledger.value(state_key("registry", "account", opening["account"]))
            committed = person_commitment(ledger.rules.suite, salt, statement)
            # Written before its account is: what a crash or a refusal left opens none, and contradicts nothing.
            good = account is None or decode(AccountState, account).person == committed
            good = good and path.stem == opening["account"]
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        if not good:
            yield _finding(HomeContradicted(what=f"the opening {path.name}"), f"accounts/{path.name}")


def verify_keys(keys: KeyStore) -> Iterator[Finding]:
    """Yield the keys that don't open."""
    for name in keys.names():
        try:
            keys.check(name)
        except PlatformError as refusal:
            yield _finding(refusal, f"keys/{name}")


@dataclass(frozen=True, slots=True)
class HomeReport:
    """What verifying a home said: a verdict for each chain, how many records were compared, all findings.

    ``behind``: the consortium chain is not as far as this home has known it; what rests on later blocks was left out.
    """

    chains: list[ChainVerdict]
    records: int
    findings: list[Finding]
    behind: Behind | None = None

    @property
    def too_early(self) -> bool:
        """Whether nothing was found but that the log before a home's beginning is still being fetched."""
        return bool(self.findings) and {one.code for one in self.findings} == {ChainBegunLate.code}


def verify_home(
    path: Path,
    passphrase: bytes,
    tell: Callable[[str], None] = lambda _: None,
    check_chain: Callable[[Home, str], ChainVerdict] = verify_chain,
) -> HomeReport:
    """Verify everything that a home keeps.

    Args:
        path: the home.
        passphrase: of its key store.
        tell: told what is looked at next.
        check_chain: rechecks one chain; what does so in this process may end it.

    Raises:
        HomeNotFound, SettingsInvalid: it is not a home.
        PassphraseWrong: the key store does not open.
    """
    home, settings = Home(path), load_settings(path)
    keys = open_keystore(home.keys, passphrase)
    verdicts = []
    for chain in [settings.consortium.id] + ([settings.private.id] if settings.private else []):
        tell(f"chain {chain}")
        verdicts.append(check_chain(home, chain))
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    findings += verify_keys(keys)
    records, late = 0, None
    if not findings:
        # Only a sound store is opened in this process; what else there is to find is told when it has been mended.
        tell("checkpoints, openings, records")
        node = open_node(path, passphrase, keys)
        try:
            late = behind(home, node.consortium)
            findings += verify_notes(home, node.consortium)
            if late is None:  # else what contradicts the chain here may not contradict the one that is to come
                findings += verify_openings(home, settings, node.consortium)
                more, records = verify_records(node)
                findings += more
            findings += [_finding(one, "projections") for one in trace_findings(node)]
        except PlatformError as refusal:
            findings.append(_finding(refusal, "home"))
        finally:
            node.close()
    return HomeReport(verdicts, records, findings, late)


def verify_records(node: Node) -> tuple[list[Finding], int]:
    """Return what is wrong with vault, keyring, outbox, quarantine and inbox, and how many records were compared."""
    if node.private is None:
        return [], 0
    with open_archive(node, writing=False) as archive:
        with orders_in(node, archive.vault) as orders:
            found = [_finding(one, "vault") for one in vault_findings(archive.vault, orders.judged())]
            found += [_finding(one, "destruction") for one in orders.findings()]
        count = archive.vault.index.last_number()
        found += [_finding(one, "outbox") for one in registration_findings(archive)]
        found += [_finding(one, "quarantine") for one in archive.quarantine.damaged()]
        keys = archive.vault.keyring.keys
        found += [_finding(one, "patient_index") for one in identity_findings(archive)]
        found += [_finding(one, "protection") for one in ProtectionStore(node.home.protection, keys).damage()]
        found += [_finding(one, "corrections") for one in correction_findings(archive)]
        found += [_finding(one, "notices") for one in notice_findings(archive)]
        found += [_finding(one, "episodes") for one in episode_findings(archive)]
    return found, count


def _finding(refusal: PlatformError, where: str) -> Finding:
    return Finding(refusal.code, where, refusal.sentence())
