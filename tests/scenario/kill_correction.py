"""``python -m tests.scenario.kill_correction``: kills corrections and the notices of them at random moments.

A process of its own corrects some records of a hospital that another hospital has read, hands the notices over,
acknowledges them there and hands the acknowledgements back, as commands would; it is killed (``SIGKILL``), three times
of four while it works, else between its start and a little after its usual end, and started again, now and then with
more to correct, until it comes to its end. After each kill a copy of both homes is looked at: what was told to be done
is done, versions are one line, an old version is never current, no notice is twice. In the end every correction is
linked once, every reader was told once and has acknowledged, and both homes verify. Prints one JSON object; the exit
status is 1 if anything was found.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.hospitals import hospitals, make_hospitals
from tests.support.killing import KillFigures, Killing, killing_options, report, tell_begun, tell_ended
from tests.support.product import PASSPHRASE, findings
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer, add_account
from xinglin.node.office.corrections import correct_by_account, resume_corrections
from xinglin.node.office.directory import Directory
from xinglin.node.private import PrivateCalls
from xinglin.node.records.archive import open_archive
from xinglin.node.site import Site, open_site
from xinglin.service.basic.correction.looking import Version
from xinglin.service.basic.correction.model import LinkCorrection, Reason
from xinglin.service.basic.correction.reading import read_correction
from xinglin.service.basic.correction.store import Step as CorrectionStep
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.basic.intake.processing import Processor
from xinglin.service.basic.notices.model import NAMESPACE as NOTICE
from xinglin.service.basic.notices.model import AcknowledgeNotice, NoticeState, ReceiveNotice, SendNotice
from xinglin.service.basic.notices.store import OPEN, Step
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.stakeholders.kinds import Role

SOURCE = "his"
MORE = 0.5
"""Share of the runs after a kill that are given more to correct than what the kill left."""
ALL_DONE = "h all done"
NAMES = ("custodian", "reader")


@dataclass(slots=True)
class Figures(KillFigures):
    """What was done and found; ``left_by_kills`` counts how far the kills left what was to be corrected."""

    told_to_be_done: int = 0
    corrected: int = 0
    notices: int = 0
    acknowledged: int = 0


class Killer:
    """Runs and kills corrections between two hospitals.

    Args:
        folder: a folder for the homes.
        seed: of all that is drawn.
        records: how many records the first hospital has; each is read by the second one.
        verify_every: after so many kills a copy of the killed homes is verified; 0 for never.
    """

    def __init__(self, folder: Path, seed: str, records: int, verify_every: int = 0) -> None:
        self.folder = folder / "homes"
        self.folder.mkdir()
        self.figures = Figures(seed)
        self._killing = Killing(self.folder, self.figures, verify_every)
        self._random = random.Random(seed)
        make_hospitals(self.folder)
        self._records = _read_records(self.folder, records)
        self._values = dict.fromkeys(self._records, 0)
        self._done: dict[str, int] = {}
        self._before: object = None

    def run(self, kills: int) -> Figures:
        """Kill so many times, let the last round end, compare."""
        start = time.monotonic()
        self.round(0)  # how long it usually takes
        while self.figures.kills < kills:
            self.round(kills)
        self.compare()
        self.figures.seconds = round(time.monotonic() - start, 1)
        return self.figures

    def round(self, kills: int) -> None:
        """Correct some records, killed as long as fewer than ``kills`` kills were done."""
        self.figures.rounds += 1
        self._want_more()
        while self._work(kills):
            if self._random.random() < MORE:  # what is left is often little, and the next kill would come too late
                self._want_more()

    def _want_more(self) -> None:
        half = (len(self._records) + 1) // 2
        for record in self._random.sample(sorted(self._records), self._random.randint(half, len(self._records))):
            self._values[record] += 1

    def _work(self, kills: int) -> bool:
        """Run the work and look at what a kill leaves; tell whether something is left to do."""
        wanted = {record: value for record, value in sorted(self._values.items()) if value}
        run = self._killing.run(work, (self.folder, wanted), kills)
        for line in run.lines:
            _, record, value = line.split()
            self._done[record] = int(value)
        if not run.killed:
            return False
        copy = self._killing.copy
        found = self._verified(copy) if self._killing.verifying() else []
        with _site(copy) as site:
            state = self._left(site)
            self._killing.left(state, [*found, *self._wrong(site)])
        return state != ALL_DONE

    def _left(self, site: Site) -> str:
        """Return how far what is under way has come."""
        here, there = (site.notices_of(node).store for node in site.nodes)
        corrections = site.corrections_of(site.node)
        looks: dict[str, Sequence[object]] = {
            "b stored": corrections.store.at_step(CorrectionStep.STORED),
            "c linked": corrections.store.at_step(CorrectionStep.LINKED),
            "d notice sent": here.at_step(Step.STORED, Step.LOGGED),
            "e notice delivered": there.at_step(*OPEN),
            "f acknowledgement signed": there.at_step(Step.SIGNED, Step.CLOSED),
            "g acknowledged": here.at_step(Step.DELIVERED, Step.SIGNED),
        }
        done = {record: len(corrections.looking.versions(record)) - 1 for record in self._values}
        logged = [node.private_ledger().tip.log_size for node in site.nodes]
        before, self._before = self._before, (done, logged, [len(found) for found in looks.values()])
        if self._before == before:
            return "a as the kill before"
        ended = ALL_DONE if done == self._values else "a nothing under way"
        return next((name for name, found in looks.items() if found), ended)

    def compare(self) -> None:
        """Compare both homes and chains with what was asked for; what differs is a finding."""
        figures = self.figures
        with _site(self.folder) as site:
            figures.findings += self._wrong(site)
            figures.findings += self._unfinished(site)
        figures.told_to_be_done = sum(self._done.values())
        figures.findings += [f"in the end: {one}" for one in self._verified(self.folder)]

    def _verified(self, folder: Path) -> list[str]:
        return [f"{name}: {one}" for name in NAMES for one in findings(folder / name)]

    def _wrong(self, site: Site) -> Iterator[str]:
        """Compare what holds at every moment: lines of versions, what was told to be done, nothing twice."""
        for record in self._records:
            versions = site.corrections_of(site.node).looking.versions(record)
            yield from self._wrong_line(site, record, versions)
        links = _calls(site.nodes[0].private_ledger(), "correction", "link")
        olds = Counter(decode(LinkCorrection, arguments).old for arguments in links)
        yield from (f"{old.hex()} was linked {times} times" for old, times in olds.items() if times > 1)
        sent = [decode(SendNotice, one).notice for one in _calls(site.nodes[0].private_ledger(), "notice", "send")]
        came = [
            decode(ReceiveNotice, one).notice for one in _calls(site.nodes[1].private_ledger(), "notice", "received")
        ]
        for name, ids in (("sent", sent), ("received", came)):
            yield from (f"notice {one} was {name} {times} times" for one, times in Counter(ids).items() if times > 1)

    def _wrong_line(self, site: Site, record: str, versions: list[Version]) -> Iterator[str]:
        if [one.current for one in versions] != [False] * (len(versions) - 1) + [True]:
            yield f"{record}: the end of the line alone is not what is current"
        stored = _stored(site, record)
        if stored - len(versions) not in (0, 1):
            yield f"{record}: {stored} versions are stored, {len(versions)} are linked"
        values = [_value(site, one.record) for one in versions]
        if values != list(range(len(values))):
            yield f"{record}: its versions say {values}"
        if len(versions) <= self._done.get(record, 0):
            yield f"{record}: {self._done[record]} corrections were told to be done, {len(versions) - 1} are"

    def _unfinished(self, site: Site) -> Iterator[str]:
        """Yield what is not done once everything came to its end: each reader told once of each correction."""
        here, there = site.notices_of(site.nodes[0]), site.notices_of(site.nodes[1])
        reader = _service(site.nodes[1])
        wanted = sum(self._values.values())
        for record, value in self._values.items():
            versions = site.corrections_of(site.node).looking.versions(record)
            self.figures.corrected += len(versions) - 1
            if len(versions) - 1 != value:
                yield f"{record}: {len(versions) - 1} corrections of {value}"
            for one in versions[:-1]:
                holders = site.corrections_of(site.node).looking.blast_radius(one.record).holders
                if one.number == 0 and [(held.account, bool(held.acknowledged)) for held in holders] != [
                    (reader, True)
                ]:
                    yield f"{one.record}: its reader was not told, or has not acknowledged"
        self.figures.notices = len(here.every())
        self.figures.acknowledged = sum(1 for one in here.every() if one.step is Step.DONE)
        told = Counter(one.recipient.account for one in here.every())
        if told != Counter({(reader,): wanted}) or len(there.every()) != wanted:
            yield f"{len(here.every())} notices were sent and {len(there.every())} came, {wanted} are right"
        if self.figures.acknowledged != wanted or any(one.step is not Step.DONE for one in there.every()):
            yield f"{self.figures.acknowledged} of {wanted} notices are acknowledged at both homes"
        for node in site.nodes:
            if [bool(one.acknowledged) for one in _states(node)] != [True] * wanted:
                yield f"{node.settings.name}: its chain does not have {wanted} acknowledged notices"
            acks = _calls(node.private_ledger(), "notice", "acknowledge")
            if len({decode(AcknowledgeNotice, one).notice for one in acks}) != len(acks):
                yield f"{node.settings.name}: a notice is acknowledged twice on its chain"


def work(folder: Path, wanted: dict[str, int]) -> None:
    """Bring each record to its value, tell and acknowledge, beginning wherever an earlier run ended."""
    with _site(folder) as site:
        corrections = site.corrections_of(site.node)
        for node in site.nodes:  # what takes long and changes nothing comes before a kill can
            site.serving_of(node)
            site.notices_of(node)
        old = site.archive.vault.open_record(next(iter(wanted)))
        process = Processor(site.archive.orders(SOURCE))
        read_correction(resource(0, 0).original, FhirkitValidator(), old, process)
        tell_begun()
        resume_corrections(site.archive, corrections)
        for number, (record, value) in enumerate(wanted.items(), 1):
            _bring_to(site, record, value)
            if number % 2 == 0:
                _tell_and_acknowledge(site)
        _tell_and_acknowledge(site)
        tell_ended()


def _tell_and_acknowledge(site: Site) -> None:
    """Hand over what waits, acknowledge all that has come, and hand the acknowledgements back."""
    here, there = (site.notices_of(node) for node in site.nodes)
    reader = _service(site.nodes[1])
    signer = account_signer(site.nodes[1], reader)
    here.resume(at_once=True)
    for one in there.inbox(reader):
        there.acknowledge(one.sender, one.notice, reader, signer)
    there.resume(at_once=True)
    here.resume(at_once=True)


def _bring_to(site: Site, record: str, value: int) -> None:
    """Correct a record step by step up to a value; tell after each that it is done."""
    corrections, account = site.corrections_of(site.node), _practitioner(site.node)
    while True:
        versions = corrections.looking.versions(record)
        done = len(versions) - 1
        if done:
            print(f"done {record} {done}", flush=True)
        if done == value:
            return
        data = resource(_number(site, record), done + 1).original
        correct_by_account(site.serving, corrections, versions[-1].record, data, Reason.TRANSCRIPTION, account)


def _read_records(folder: Path, count: int) -> list[str]:
    """Take in so many records at the first hospital, let the second one read each; return their ids."""
    with hospitals(folder) as both, open_archive(both.custodian) as archive:
        add_account(both.custodian, (Role.PRACTITIONER,), "Dr. Li")
        archive.take_in(SOURCE, [Incoming([resource(number, 0) for number in range(count)])])
        rows = [archive.vault.index.by_number(number + 1) for number in range(count)]
        for row in rows:
            assert row is not None
            both.read(row.details.commitment)
        return [identifier(row.record) for row in rows if row is not None]


def resource(number: int, value: int) -> CollectedResource:
    """Return a laboratory value of one patient."""
    content = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"text": "Sodium"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2020-03-04T05:06:07Z",
        "valueQuantity": {"value": value, "unit": "mmol/L"},
    }
    return CollectedResource(
        position=number,
        resource_type="Observation",
        logical_id=f"o{number}",
        original=json.dumps(content).encode(),
        subject="p1",
    )


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    with open_site([folder / name for name in NAMES], PASSPHRASE) as site:
        yield site


def _service(node: Node) -> str:
    stored = node.consortium.value(state_key("registry", "key", node.keys.public(SERVICE)))
    return decode(KeyState, stored or b"").account


def _practitioner(node: Node) -> str:
    accounts = Directory(node.consortium).accounts(node.member)
    return next(account for account, state in accounts if Role.PRACTITIONER in state.roles)


def _number(site: Site, record: str) -> int:
    return int(site.archive.vault.find(record).details.logical_id[1:])


def _value(site: Site, record: str) -> int:
    return int(json.loads(site.archive.vault.read(record))["valueQuantity"]["value"])


def _stored(site: Site, record: str) -> int:
    """Return how many versions of a record's resource the vault has."""
    index, name = site.archive.vault.index, site.archive.vault.find(record).details.logical_id
    number = 0
    while index.by_resource([(SOURCE.encode(), b"Observation", name, number)])[0] is not None:
        number += 1
    return number


def _calls(ledger: Ledger, contract: str, method: str) -> list[bytes]:
    """Return the arguments of every call of a method that a chain has accepted."""
    entries = [ledger.entry(index) for index in range(ledger.tip.log_size)]
    return [
        one.head.arguments
        for entry in entries
        if entry.receipt.number == 0
        for one in entry.transaction.operations
        if (one.head.contract, one.head.method) == (contract, method)
    ]


def _states(node: Node) -> list[NoticeState]:
    """Return what a home's private chain has of notices."""
    chain = PrivateCalls(node)
    keys = [*chain.keys(NOTICE, "sent", 3), *chain.keys(NOTICE, "received", 4)]
    return [decode(NoticeState, chain.value(key) or b"") for key in keys]


def main() -> int:
    """Run the command."""
    parser = killing_options(__doc__)
    parser.add_argument("--records", type=int, default=8)
    given = parser.parse_args()
    return report(lambda folder: Killer(folder, given.seed, given.records, given.verify_every).run(given.kills))


if __name__ == "__main__":
    sys.exit(main())
