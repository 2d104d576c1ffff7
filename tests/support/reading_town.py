"""A town: two hospitals on real homes that serve each other, its patients, accounts, and what a test does with them.

Whoever asks goes through ``Town.node``, which compares each answer with the private chain on disk as a process of its
own sees it, before the reader gets it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.product import CHEAP, PASSPHRASE, stored_records
from tests.support.town_people import HOSPITALS, PATIENTS, Patient, bundle_of
from tests.support.witness import Witness
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.node import Group, Node, open_node, run_group
from xinglin.node.office.accounts import add_account
from xinglin.node.opening import open_for_business
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.read_ports import IndexLinks, ReadQuota
from xinglin.node.records.reading import reading
from xinglin.node.records.serving import Serving, described, open_serving
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.node.site import Site
from xinglin.service.basic.audit.messages import AccessReceipt
from xinglin.service.basic.reading.custodian import Custodian
from xinglin.service.basic.reading.model import Answer
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import MemberKind, Role

STAFF = {
    "doctor": Role.PRACTITIONER,
    "nurse": Role.PRACTITIONER,
    "auditor": Role.AUDITOR,
    "officer": Role.COMPLIANCE_OFFICER,
    "clerk": Role.ADMINISTRATOR,
    "clerk2": Role.ADMINISTRATOR,
}
REGULATOR = "regulator"
HEARTBEAT_SECONDS = 0.5
NO_QUOTA = 1_000_000
UNLABELLED = (3, 5)
"""Category and level that count for a record without labels (RD4)."""


@dataclass(frozen=True)
class Known:
    """A record as the test knows it from the hospital that made it: whose (None: nobody's), its labels, its bytes."""

    hospital: str
    commitment: bytes
    id: str
    type: str
    name: str
    patient: Patient | None
    category: int
    level: int
    special: int
    has_copy: bool
    original: bytes = field(repr=False)
    gone: bool = False


@dataclass(frozen=True)
class Account:
    """An account of a hospital: its id, its role, the name of its key."""

    hospital: str
    account: str
    role: Role
    key_name: str
    key: bytes


def make_town(
    folder: Path, intakes: Sequence[dict[str, list[bytes]]] | None = None, *, regulator: bool = False
) -> Path:
    """Make the homes of both hospitals, with staff and records; return the folder.

    Args:
        folder: where.
        intakes: bundles of each hospital, taken in one after the other; by default what it has of ``PATIENTS``.
        regulator: whether there is a regulator's home too, with a node, the transmission key and an auditor.
    """
    kinds = dict.fromkeys(HOSPITALS, MemberKind.MEDICAL_INSTITUTION)
    kinds |= {REGULATOR: MemberKind.REGULATOR} if regulator else {}
    homes = [
        make_home(folder / name, f"Home {name}", kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in kinds.items()
    ]
    genesis = consortium_genesis(homes, random_bytes)
    for home in homes:
        adopt(home, genesis, GROUP, random_bytes)
    group = run_group([open_node(folder / name, PASSPHRASE) for name in kinds])
    staff: dict[str, dict[str, Any]] = {}
    try:
        open_for_business(group.nodes, group.nodes[0])
        for name, node in zip(kinds, group.nodes, strict=True):
            for job, role in STAFF.items():
                added = add_account(node, (role,), f"{job} of {name}")
                facts = {"account": added.account, "key_name": added.key_name, "key": added.key.hex()}
                staff[f"{name}-{job}"] = {**facts, "hospital": name, "role": int(role)}
        for name, node in zip(HOSPITALS, group.nodes, strict=False):
            for intake in intakes or [bundles()]:
                _take_in(folder, name, node, intake[name])
    finally:
        group.close()
    (folder / "staff.json").write_text(json.dumps(staff))
    return folder


def bundles() -> dict[str, list[bytes]]:
    """Return what each hospital has recorded of the patients whom it knows."""
    return {name: [bundle_of(name, one) for one in PATIENTS if name in one.hospitals] for name in HOSPITALS}


def _take_in(folder: Path, name: str, node: Node, recorded: Sequence[bytes]) -> None:
    files = [folder / f"bundle-{name}-{number}.json" for number in range(len(recorded))]
    for path, data in zip(files, recorded, strict=True):
        path.write_bytes(data)
    with open_archive(node) as archive, reading(files, 1 << 27, [], archive.orders("his")) as incoming:
        report = archive.take_in("his", incoming)
    assert report.quarantined == 0, report
    for path in files:
        path.unlink()


@dataclass
class Asking:
    """A hospital's node as another one's reader reaches it; keeps every receipt, and has each answer witnessed."""

    town: Town
    hospital: str
    custodian: Custodian | None = None
    """Who answers instead of the node's own custodian, where a test wants another one."""

    @property
    def serving(self) -> Serving:
        return self.town.servings[self.hospital]

    @property
    def node(self) -> str:
        return self.serving.node

    @property
    def member(self) -> str:
        return self.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Pass a request on, and compare the answer with what the disk has before anybody uses it."""
        data = (self.custodian or self.serving.custodian).answer(request, payload)
        answer = decode(Answer, data)
        receipt = answer.receipt.receipt
        self.town.receipts[self.hospital].append(receipt)
        self.town.witness.check(self.town.folder / self.hospital, answer)
        return data


@dataclass
class Town:
    """See the module. ``receipts`` are all that readers ever got, by custodian."""

    folder: Path
    witness: Witness
    group: Group
    servings: dict[str, Serving]
    site: Site
    receipts: dict[str, list[AccessReceipt]]
    staff: dict[str, Account]
    _stack: ExitStack

    def archive(self, hospital: str) -> Archive:
        """Return a hospital's records."""
        return self.servings[hospital].archive

    def node(self, hospital: str) -> Asking:
        """Return a hospital's node, as readers reach it."""
        return Asking(self, hospital)

    def reader(self, who: Account) -> ReaderAccount:
        """Return an account as one that reads."""
        return self.servings[who.hospital].account(who.account, who.key_name)

    def person(self, hospital: str, patient: Patient) -> bytes:
        """Return the 16 bytes by which a hospital's index knows a patient."""
        persons = self.archive(hospital).persons
        number = PATIENTS.index(patient)
        found = persons.person_of(b"his", f"{hospital}-{number}".encode())
        assert found is not None
        return found

    def address(self, hospital: str, person: bytes, carrier: str) -> tuple[str, bytes]:
        """Return how a consent that another hospital carries names a node, and a patient of it: by the pair's link."""
        node, member = self.servings[hospital].node, self.archive(carrier).node.member
        if hospital == carrier:
            return node, person
        persons = self.archive(hospital).persons
        link = IndexLinks(persons, self.archive(hospital).node.member).match(described(persons, person), member)
        assert link
        return node, link

    def known(self, row: StoredRecord, hospital: str) -> Known:
        """Return a record as the test knows it."""
        details = row.details
        subject = details.subject.decode()
        patient = PATIENTS[int(subject.rsplit("-", 1)[1])] if subject else None
        record = identifier(row.record)
        archive = self.archive(hospital)
        opened = archive.vault.open_record(record)
        return Known(
            hospital,
            details.commitment,
            record,
            details.type.decode(),
            details.logical_id.decode(),
            patient,
            details.category or UNLABELLED[0],
            details.level or UNLABELLED[1],
            details.special,
            bool(opened.parts.copy[1]),
            opened.parts.original[1],
        )

    def records(self, hospital: str) -> list[Known]:
        """Return all records of a hospital that still open."""
        return [
            self.known(row, hospital) for row in stored_records(self.archive(hospital)) if not row.details.destroyed
        ]

    def kill(self) -> None:
        """Stop both homes as a killed process leaves them, and open what lies there."""
        self.group.engine.close()
        for node in self.group.nodes:
            for engine in node.engines:
                engine.close()
        left = self.folder.with_name(self.folder.name + "-left")
        shutil.copytree(self.folder, left)
        self.close()
        shutil.rmtree(self.folder)
        left.rename(self.folder)
        self.open()

    def reopen(self) -> None:
        """Close both homes and open them again."""
        self.close()
        self.open()

    def close(self) -> None:
        """Close both homes."""
        self._stack.close()

    def open(self) -> None:
        """Open both homes and let them serve."""
        with ExitStack() as stack:
            names = [*HOSPITALS, *([REGULATOR] if (self.folder / REGULATOR).exists() else [])]
            nodes = [open_node(self.folder / name, PASSPHRASE) for name in names]
            self.group = run_group(nodes, HEARTBEAT_SECONDS)
            stack.callback(self.group.close)
            nodes[0].client().engine.submit_many([]).result(60)  # a block of now, so that nobody decides on an old one
            for name, node in zip(HOSPITALS, nodes, strict=False):
                archive = stack.enter_context(open_archive(node))
                self.servings[name] = stack.enter_context(open_serving(archive, ReadQuota(NO_QUOTA)))
            archives = {one.member: one.archive for one in self.servings.values()}
            servings = {one.member: one for one in self.servings.values()}
            self.site = Site(nodes, stack.enter_context(ExitStack()), archives, servings)
            self._stack = stack.pop_all()


@contextmanager
def town_in(folder: Path) -> Iterator[Town]:
    """Give the town of a folder, open."""
    with Witness() as witness:
        town = Town(folder, witness, None, {}, None, {name: [] for name in HOSPITALS}, {}, ExitStack())  # type: ignore[arg-type]
        for name, facts in json.loads((folder / "staff.json").read_text()).items():
            key = bytes.fromhex(facts["key"])
            town.staff[name] = Account(facts["hospital"], facts["account"], Role(facts["role"]), facts["key_name"], key)
        town.open()
        try:
            yield town
        finally:
            town.close()
