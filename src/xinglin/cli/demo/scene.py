"""What parts 6 on have at hand: both hospitals as they serve, who reads at B, the agreement, the refusals so far.

Everything is asked for by signed requests over a ``Wire`` to hospital A, as between two machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from xinglin.cli.demo.stage import Stage, Together
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.node import Node
from xinglin.node.office.accounts import AddedAccount, add_account
from xinglin.node.office.consents import GivenConsent, sign_agreement
from xinglin.node.records.access import open_trace
from xinglin.node.records.serving import Serving
from xinglin.node.site import Site
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.model import Answer, Disclosure
from xinglin.service.basic.reading.reader import ReaderAccount, Received
from xinglin.service.basic.sharing.agreements.model import AgreementTerms
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Action, Purpose

YEAR_MS = 365 * 86_400_000
CATEGORIES = (Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION)
_BLOCK_SECONDS, _FRESH_MS = 60.0, 2_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal as shown: what was asked, the answer, and the hash of the request (empty: it left no entry)."""

    what: str
    code: str
    number: int
    sentence: str
    request: bytes


@dataclass(slots=True)
class Wire:
    """The line to a hospital's service: looks, before an answer goes on, whether its entry is durable on the chain."""

    serving: Serving
    answers: int = 0

    @property
    def node(self) -> str:
        """The node at its end."""
        return self.serving.node

    @property
    def member(self) -> str:
        """Its member."""
        return self.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Hand a request over, and the answer back once its entry is found on the private chain."""
        data = self.serving.answer(request, payload)
        receipt = decode(Answer, data).receipt.receipt
        ledger = self.serving.archive.node.private_ledger()
        calls = ledger.entry(receipt.index).transaction.operations
        items = [
            item for one in calls if (one.head.contract, one.head.method) == ("access", "log") for item in one.items
        ]
        if entry_hash(ledger.rules.suite.hash, items[receipt.item]) != receipt.entry:
            raise LookupError("an answer without its entry on the private chain")
        self.answers += 1
        return data


@dataclass(slots=True)
class Scene:
    """Both hospitals as they serve, the reader at B, and what the parts before have left.

    ``linked``: patients whom B was given a link to, by A's number of them, with B's.
    """

    stage: Stage
    group: Together
    site: Site
    a: Serving
    b: Serving
    wire: Wire
    physician: AddedAccount
    reader: ReaderAccount
    linked: dict[bytes, bytes] = field(default_factory=dict)
    consents: dict[str, GivenConsent] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    # --- asking ---

    def fresh(self) -> None:
        """Make a block unless there was one just now: a hospital's chains tick, these only when asked to."""
        node = self.a.archive.node
        if SystemClock().now_ms() - node.consortium.tip.time > _FRESH_MS:
            node.client().engine.submit_many([]).result(_BLOCK_SECONDS)

    def ask(
        self,
        commitment: bytes,
        purpose: Purpose = Purpose.TREAT,
        reader: ReaderAccount | None = None,
        action: Action = Action.READ,
    ) -> Received:
        """Ask for one record of A, as B's physician or another account of B, and return the answer."""
        self.fresh()
        who = reader or self.reader
        return self.b.reader.ask(self.wire, who, Asked("record", commitment), action.value, purpose)

    def read(
        self, commitment: bytes, purpose: Purpose = Purpose.TREAT, reader: ReaderAccount | None = None
    ) -> tuple[Disclosure, Received]:
        """Read one record of A at B; what came is compared with its commitment."""
        received = self.ask(commitment, purpose, reader)
        refusal = received.refusal()
        if refusal is not None:
            raise refusal
        return self.b.reader.checked(received.answer.disclosed[0], commitment), received

    def refused(self, what: str, code: str, received: Received) -> None:
        """Note a refusal, which has to have the code that is claimed."""
        self._note(what, code, received.refusal(), received.request)

    def unanswered(self, what: str, code: str, refusal: PlatformError) -> None:
        """Note a refusal to somebody unknown: there was no answer, and there is no entry."""
        self._note(what, code, refusal, b"")

    def _note(self, what: str, code: str, refusal: PlatformError | None, request: bytes) -> None:
        if refusal is None or refusal.code != code:
            said = "a permit" if refusal is None else refusal.code
            self.stage.require(False, f"{what} is refused with {code} and not with {said}")
            return
        self.refusals.append(
            Refusal(what, refusal.code, refusal.number, refusal.sentence(self.stage.language), request)
        )

    def entry_of(self, received: Received) -> AccessEntry:
        """Return the entry on A's private chain that an answer led to, the last where there are two."""
        with open_trace(self.hospital_a) as trace:
            return trace.entries_for(received.request)[-1].entry

    # --- finding ---

    def rows(self, at_a: bytes, *types: bytes) -> list[StoredRecord]:
        """Return the patient's records at A, of some types where any are named, oldest first."""
        archive = self.a.archive
        rows = archive.vault.records_of(archive.persons.subjects_of(at_a))
        return [row for row in rows if not types or row.details.type in types]

    def record(self, at_a: bytes, *types: bytes) -> bytes:
        """Return the commitment of a record that B's physicians may ask for: ordinary, of the categories agreed."""
        rows = self.rows(at_a, *types)
        fit = [row for row in rows if row.details.category in CATEGORIES and row.details.level == Level.NARROW]
        return fit[0].details.commitment if fit else b""

    def wanted(self, until_ms: int, guardian: str = "", paper: bytes = b"") -> WantedConsent:
        """Return what patients here consent to: B's physicians, treatment, two categories, at most level 4."""
        now = SystemClock().now_ms()
        return WantedConsent(
            purposes=(Purpose.TREAT,),
            categories=CATEGORIES,
            level=Level.NARROW,
            given_ms=now - 1_000,
            from_ms=now - 1_000,
            until_ms=until_ms,
            members=(self.b.member,),
            roles=(Role.PRACTITIONER,),
            guardian=guardian,
            paper=paper,
        )

    @property
    def hospital_a(self) -> Node:
        """The home of hospital A."""
        return self.a.archive.node

    @property
    def hospital_b(self) -> Node:
        """The home of hospital B."""
        return self.b.archive.node


@contextmanager
def open_scene(stage: Stage) -> Iterator[Scene]:
    """Let both hospitals serve until the block ends; B has a physician who reads."""
    with ExitStack() as stack:
        group = stack.enter_context(stage.group())
        site = Site(group.nodes, stack.enter_context(ExitStack()))
        a, b = (site.serving_of(node) for node in group.nodes[:2])
        physician = add_account(group.nodes[1], (Role.PRACTITIONER,), "Physician of hospital B")
        reader = b.account(physician.account, physician.key_name)
        yield Scene(stage, group, site, a, b, Wire(a), physician, reader)


def agree(custodian: Serving, reader: Serving) -> str:
    """Have two hospitals sign that one's accounts may ask the other, and return the agreement's id.

    It reaches far, to all categories and levels: what is read beyond the patient's consent is refused for that.
    """
    now = SystemClock().now_ms()
    until = now + 20 * YEAR_MS
    purposes = (Purpose.ETREAT, Purpose.HRESCH, Purpose.PATRQT, Purpose.TREAT)
    terms = AgreementTerms(
        custodian.member, reader.member, purposes, tuple(Category), Level.STRICT, now - 1_000, until, bytes(32)
    )
    return sign_agreement(custodian.archive.node, reader.archive.node, terms)


def turned(scene: Scene) -> Scene:
    """Return the scene with the hospitals in each other's place: B has the records, a physician of A reads them."""
    physician = add_account(scene.hospital_a, (Role.PRACTITIONER,), "Physician of hospital A who reads at B")
    reader = scene.a.account(physician.account, physician.key_name)
    return Scene(scene.stage, scene.group, scene.site, scene.b, scene.a, Wire(scene.b), physician, reader)


def refusal_of(act: Callable[[], object]) -> str:
    """Return the code by which an act is refused, empty if it is not."""
    try:
        act()
    except PlatformError as refusal:
        return refusal.code
    return ""


def code_of(refusal: PlatformError | None) -> str:
    """Return a refusal's code, empty where there is none."""
    return "" if refusal is None else refusal.code
