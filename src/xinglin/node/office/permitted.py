"""Reads under a permit, as commands use them: content, search, receipts kept at the reader's home (S7.2a, H4, H6).

Everything that leaves a home comes from its custodian: permit, audit, durable entry, then content. The home's own staff
ask in the same way as another institution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.crypto.files import write_durably
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import Denied
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.node import open_node
from xinglin.node.office.accounts import account_signer
from xinglin.node.office.desk import PatientNotLinked
from xinglin.node.office.emergency import issued_grant
from xinglin.node.office.proofs import prove_record
from xinglin.node.records.archive import open_archive
from xinglin.node.records.naming import commitment_in
from xinglin.node.records.read_ports import IndexPersons
from xinglin.node.records.serving import Deciding, Serving, open_serving
from xinglin.node.setup import GROUP
from xinglin.node.site import open_site
from xinglin.service.basic.audit.messages import Asked, PresentedConsent, SignedGrant, SignedReceipt
from xinglin.service.basic.protection.break_glass_errors import ReviewUnknown
from xinglin.service.basic.protection.store_model import KeptGrant
from xinglin.service.basic.reading.errors import AnswerInvalid
from xinglin.service.basic.reading.model import Disclosure, Found
from xinglin.service.basic.reading.reader import ReaderAccount, Received
from xinglin.settings import load_settings
from xinglin.stakeholders.purposes import Action, Copy, Purpose


class PartNotPermitted(Denied):
    """A proof bundle is to show the original, and the permit opens the de-identified copy alone."""

    code, number, clause = "proof.part_denied", 6087, "S7.2a"
    en = "Account {account} is permitted the de-identified copy alone; the bundle can't show the original."
    zh = "账户 {account} 仅获准去标识副本，证明包不能包含原文。"
    hint_en = "Show the copy, or only the behaviour data, which proves the registration without content."
    hint_zh = "请只展示副本，或只展示行为数据：无需内容即可证明登记。"


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record as it was served, compared with its commitment, and the receipt that is kept."""

    disclosed: Disclosure
    receipt: SignedReceipt
    kept: Path


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """What a search told, and the receipt that is kept."""

    found: tuple[Found, ...]
    receipt: SignedReceipt
    kept: Path


@contextmanager
def own_serving(homes: Sequence[Path], passphrase: bytes) -> Iterator[Serving]:
    """Open a home so that its own staff can read in it: the first of those named, the others run its chain with it.

    A home of a group can be opened alone: entries go to its private chain, and what rests on the consortium chain is
    decided as a home decides that has lost its line (PM1, PM13).

    Args:
        homes: the home, and others that keep the consortium chain with it.
        passphrase: of their key stores.
    """
    with ExitStack() as stack:
        if len(homes) > 1 or load_settings(homes[0]).consortium.engine != GROUP:
            yield stack.enter_context(open_site(homes, passphrase)).serving
            return
        node = open_node(homes[0], passphrase)
        stack.callback(node.close)
        node.start_own_chains()
        yield stack.enter_context(open_serving(stack.enter_context(open_archive(node))))


def read_record(
    reader: Serving,
    custodian: Serving,
    account: str,
    commitment: bytes,
    purpose: Purpose,
    consents: Sequence[str] = (),
    action: Action = Action.READ,
    grant: str = "",
) -> ReadRecord:
    """Read one record under a permit and keep the receipt, a refusal's too.

    Args:
        reader: the home of the account that reads.
        custodian: the home that keeps the record; may be the same.
        account: who reads; the key is in the reader's home.
        commitment: of the record.
        purpose: what for.
        consents: ids that the reader rests on; they add nothing that the custodian does not hold.
        action: ``read`` for the current version, ``history`` for any.
        grant: id of an emergency grant of the reader's home, which is presented signed.

    Raises:
        AccountKeyMissing: the account's key is not here.
        ReviewUnknown, MayNotAct, GrantNotTheirs, PatientNotLinked: the grant can't be presented.
        PlatformError: the refusal, which is on record at both.
        AnswerInvalid: what came is not the record that the chain commits to.
    """
    presented = [PresentedConsent(consent, b"") for consent in consents]
    asked = Asked("record", commitment)
    who = _reader(reader, account)
    grants = _presented(reader, custodian, account, grant)
    received = reader.reader.ask(custodian, who, asked, action.value, purpose, presented, grants=grants)
    kept = _settled(reader, received)
    if len(received.answer.disclosed) != 1:
        raise AnswerInvalid(reason="no record is in it")
    return ReadRecord(reader.reader.checked(received.answer.disclosed[0], commitment), received.receipt, kept)


def search_person(
    reader: Serving, custodian: Serving, account: str, person: bytes, purpose: Purpose, grant: str = ""
) -> FoundRecords:
    """Return the records of a person that a read for this purpose would open; raises as ``read_record``, ``name_at``.

    Args:
        reader: the home of the account that asks.
        custodian: the home that is asked.
        account: who asks.
        person: at one's own home its id of the person; elsewhere that, where the person is linked, or the link.
        purpose: what for.
        grant: as ``read_record``.
    """
    grants = _presented(reader, custodian, account, grant)
    named = Asked("person", name_at(reader, custodian, person))
    who = _reader(reader, account)
    received = reader.reader.ask(custodian, who, named, Action.SEARCH.value, purpose, grants=grants)
    kept = _settled(reader, received)
    return FoundRecords(received.answer.found, received.receipt, kept)


def name_at(reader: Serving, custodian: Serving, person: bytes) -> bytes:
    """Return the 16 bytes by which a custodian knows a person that is named by an id of one's own index, or a link.

    Raises:
        PatientNotLinked: the person is of the own index and not linked with the custodian; the id means nothing outside
            this node, and does not leave it.
    """
    if custodian.node == reader.node:
        return person
    index = reader.archive.persons
    known = [link.handle for link in index.links(person) if link.node in (custodian.node, custodian.member)]
    if not known and IndexPersons(index).knows(person):
        raise PatientNotLinked(custodian=custodian.member)
    return known[0] if known else person


def commitment_of(serving: Deciding, record: str) -> bytes:
    """Return the commitment of a record that is named by its id, or in hexadecimal by the commitment itself.

    Raises:
        IdentifierInvalid: it is neither.
        RecordNotFound: there is no record of that id.
    """
    commitment = commitment_in(record)
    return serving.archive.vault.find(record).details.commitment if commitment is None else commitment


def prove_with_content(
    serving: Serving, account: str, record: str, purpose: Purpose, shown: frozenset[str]
) -> tuple[bytes, ReadRecord]:
    """Return the proof bundle of a record with content in it, which is a read of its account, and that read.

    Args:
        serving: of the home that keeps the record.
        account: of this home, which takes the bundle out.
        record: the record's id.
        purpose: what for.
        shown: the parts to open; a permit for the original opens both, one for the copy the copy alone.

    Raises:
        PartNotPermitted: the permit opens the de-identified copy alone.
        PlatformError: see ``read_record`` and ``prove_record``.
    """
    read = read_record(serving, serving, account, commitment_of(serving, record), purpose)
    if "original" in shown and read.disclosed.copy is not Copy.ORIGINAL:
        raise PartNotPermitted(account=account)
    return prove_record(serving.archive, record, shown), read


def read_values(read: ReadRecord) -> dict[str, Any]:
    """Return a read as plain values, without its content."""
    one = read.disclosed
    return {
        "commitment": one.commitment.hex(),
        "copy": one.copy.name.lower(),
        "type": one.type,
        "category": one.category,
        "level": one.level,
        "special": one.special,
        "version": one.version,
        "current": one.current == 1,
        "bytes": len(one.content),
        "receipt": receipt_values(read.receipt),
        "receipt_file": str(read.kept),
    }


def found_values(found: Found) -> dict[str, Any]:
    """Return one record that a search told of as plain values."""
    return {
        "commitment": found.commitment.hex(),
        "type": found.type,
        "category": found.category,
        "level": found.level,
        "special": found.special,
        "version": found.version,
        "time_ms": found.time,
        "copy": found.copy.name.lower(),
    }


def receipt_values(signed: SignedReceipt) -> dict[str, Any]:
    """Return a receipt as plain values: where the custodian's entry is."""
    receipt = signed.receipt
    return {
        "chain": receipt.chain,
        "entry": receipt.entry.hex(),
        "request": receipt.request.hex(),
        "outcome": receipt.outcome,
        "log_entry": receipt.index,
        "item": receipt.item,
        "time_ms": receipt.time,
    }


def _presented(reader: Serving, custodian: Serving, account: str, grant: str) -> tuple[SignedGrant, ...]:
    """Return the emergency grant as the custodian wants it; none where none is named, or at one's own home."""
    if not grant or custodian.node == reader.node:
        return ()
    row = reader.protection.store.by_id(KeptGrant, identifier_bytes(grant))
    if row is None:
        raise ReviewUnknown(grant=grant)
    link = name_at(reader, custodian, row.person)
    return (issued_grant(reader.archive.node, row.value, account, custodian.node, link),)


def _reader(serving: Serving, account: str) -> ReaderAccount:
    return ReaderAccount(account, account_signer(serving.archive.node, account))


def _settled(reader: Serving, received: Received) -> Path:
    """Keep the receipt, then raise the refusal."""
    folder = reader.archive.node.home.receipts
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{received.request.hex()}.receipt"
    write_durably(path, encode(received.receipt))
    refusal = received.refusal()
    if refusal is not None:
        raise refusal
    return path
