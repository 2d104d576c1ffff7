"""What is asked in a town, one act at a time, each answer compared with what the naive twin says.

An act is a name and some numbers, which choose among what there is at that moment: so any list of acts can be played,
and a list that shows a fault can be made shorter. What patients and hospitals do is in ``town_acts``.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tests.support.naive_reading import NOT_HERE, Clocks, Consent, NaiveTown
from tests.support.reading_town import Account, Known, Town
from tests.support.town_people import HOSPITALS, PATIENTS
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.office.consents import (
    GivenConsent,
)
from xinglin.node.records.serving import described
from xinglin.service.basic.audit.log import Logged
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.reading.custodian import Custodian
from xinglin.service.basic.reading.ports import EntryLog
from xinglin.stakeholders.purposes import Action, Copy, Purpose

T = TypeVar("T")
Numbers = Sequence[int]
YEAR_MS = 366 * 86_400_000
PURPOSES = (Purpose.TREAT, Purpose.ETREAT, Purpose.HRESCH, Purpose.HOPERAT, Purpose.HPAYMT, Purpose.LEGAL)
ASKED_FOR = (Purpose.TREAT, Purpose.TREAT, Purpose.TREAT, *PURPOSES)
STORM_SECONDS, SLOW_SECONDS = 0.15, 0.03


class Differs(AssertionError):
    """The town did what its naive twin would not."""


def pick(choices: Sequence[T], number: int) -> T:
    """Return the choice that a number stands for."""
    return choices[number % len(choices)]


def some(choices: Sequence[T], number: int) -> list[T]:
    """Return a subset that a number stands for, in order, never empty."""
    mask = number % (2 ** len(choices) - 1) + 1
    return [one for at, one in enumerate(choices) if mask >> at & 1]


@dataclass
class Questions:
    """Plays acts that ask. ``counts`` tells how often each was played and what came of what was asked."""

    town: Town
    counts: Counter[str] = field(default_factory=Counter)
    served: Counter[tuple[bytes, str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin with what both hospitals have recorded, and nothing permitted."""
        self.naive = NaiveTown({name: serving.member for name, serving in self.town.servings.items()})
        self.records = [one for name in HOSPITALS for one in self.town.records(name)]
        self.staff = list(self.town.staff.values())
        self.given: dict[str, tuple[GivenConsent, str]] = {}
        self.links: dict[tuple[str, str, str], bytes] = {}
        self.agreements: dict[tuple[str, str], str] = {}

    def play(self, name: str, numbers: Numbers) -> None:
        """Play one act."""
        self.counts[name] += 1
        getattr(self, f"act_{name}")(*numbers)

    # --- what is asked ---

    def act_read(self, who: int, record: int, purpose: int, history: int) -> None:
        """Read a record, or its history."""
        reader, wanted = pick(self.staff, who), pick(self.records, record)
        action = Action.HISTORY if history % 5 == 0 else Action.READ
        if history % 23 == 0:
            wanted = replace(wanted, commitment=NOT_HERE)
        self.read(reader, wanted, action, pick(ASKED_FOR, purpose))

    def act_reread(self, who: int, record: int, purpose: int, _: int) -> None:
        """Read what some consent is about, by somebody whom it may name: served more often than a chance read."""
        if not self.naive.consents:
            return
        live = [one for one in self.naive.consents if one.acknowledged and not one.revoked and not one.wanted.prohibits]
        consent = pick(live if live and record % 4 else self.naive.consents, record // 4)
        reader, wanted, asked = self._about(consent, who, record // 7, purpose)
        self.read(reader, wanted, Action.READ, asked)

    def _about(self, consent: Consent, who: int, record: int, purpose: int) -> tuple[Account, Known, Purpose]:
        """Return who, what and for what a consent is about."""
        terms = consent.wanted
        mine = [one for one in self.records if one.patient == consent.patient and one.hospital in consent.custodians]
        fitting = [one for one in mine if one.category in terms.categories and one.level <= terms.level] or mine
        staff = [one for one in self.staff if one.role in (3, 4, 5) and one.account not in self.naive.ended]
        named = [
            one
            for one in staff
            if (not terms.members or self.naive.members[one.hospital] in terms.members)
            and (not terms.roles or one.role in terms.roles)
            and (not terms.accounts or one.account in terms.accounts)
        ]
        return pick(named or staff, who), pick(fitting, record), pick(list(terms.purposes) or list(PURPOSES), purpose)

    def read(self, who: Account, wanted: Known, action: Action, purpose: Purpose) -> tuple[str, int]:
        """Ask for a record and compare what comes; return code and copy."""
        custodian = wanted.hospital

        code, got, clocks = self._ask(custodian, lambda: self._asked(who, wanted, purpose, action))
        copy = 0 if code else int(got.copy)
        if wanted.commitment == NOT_HERE:
            may = {(one, 0) for one in self.naive.stranger(who, custodian, purpose, clocks)}
        else:
            may = self.naive.read(who, wanted, action, purpose, clocks)
        self._require((code, copy) in may, f"{action.value} of {wanted.name} at {custodian}", (code, copy), may)
        if not code:
            self._compare(wanted, got.content, copy)
            self.served[wanted.commitment, who.account, copy] += 1
        self.counts[code or "served"] += 1
        return code, copy

    def act_search(self, who: int, patient: int, purpose: int, custodian: int) -> None:
        """Search for a patient's records at a hospital that knows the patient."""
        reader, about = pick(self.staff, who), pick(PATIENTS, patient)
        at = pick([name for name in HOSPITALS if name in about.hospitals], custodian)
        link = self.town.person(at, about)
        if at != reader.hospital:
            known = self.links.get((at, reader.hospital, about.name))
            if known is None:
                return
            link = known
        wanted = pick(ASKED_FOR, purpose)
        node, serving = self.town.node(at), self.town.servings[reader.hospital]
        code, found, clocks = self._ask(at, lambda: serving.reader.search(node, self.town.reader(reader), link, wanted))
        mine = [one for one in self.records if one.hospital == at and one.patient == about and not one.gone]
        codes, must, may = self.naive.search(reader, mine, wanted, clocks)
        told = {} if code else {one.commitment: int(one.copy) for one in found}
        right = code in codes if code else must.items() <= told.items() <= may.items()
        self._require(right, f"search for {about.name} at {at}", (code, len(told)), (codes, len(must), len(may)))
        self.counts[f"search {code or 'told'}"] += 1

    def act_match(self, who: int, patient: int, purpose: int, _: int) -> None:
        """Ask the other hospital for a patient whom both know, or who only one knows."""
        reader = pick(self.staff, who)
        about = pick([one for one in PATIENTS if reader.hospital in one.hospitals], patient)
        at, wanted = other(reader.hospital), pick(ASKED_FOR, purpose)
        own = self.town.archive(reader.hospital).persons
        traits = described(own, self.town.person(reader.hospital, about))
        node, serving = self.town.node(at), self.town.servings[reader.hospital]
        code, link, clocks = self._ask(at, lambda: serving.reader.match(node, self.town.reader(reader), traits, wanted))
        codes = self.naive.match(reader, at, wanted, clocks)
        if at not in about.hospitals:
            codes = {one or "reading.no_match" for one in codes}
        self._require(code in codes, f"match of {about.name} at {at}", code, codes)
        if not code:
            known = self.links.setdefault((at, reader.hospital, about.name), link)
            self._require(known == link, "a link stays the same", link, known)
            self._require(link != self.town.person(at, about), "a link is no id of the index", link, known)

    def _asked(self, who: Account, wanted: Known, purpose: Purpose, action: Action) -> Any:
        serving, node = self.town.servings[who.hospital], self.town.node(wanted.hospital)
        return serving.reader.read(node, self.town.reader(who), wanted.commitment, purpose, action=action)

    def revoke(self, one: Consent, carrier: str) -> None:
        """Let a patient revoke a consent, carried by a hospital's node."""
        raise NotImplementedError

    def _ask(self, custodian: str, ask: Callable[[], T]) -> tuple[str, T | None, Clocks]:
        node, clock = self.town.archive(custodian).node, SystemClock()
        now, chain = clock.now_ms(), node.consortium.tip.time
        code, got = "", None
        try:
            got = ask()
        except PlatformError as refusal:
            code = refusal.code
        return code, got, Clocks((now, clock.now_ms()), (chain, node.consortium.tip.time))

    def _compare(self, wanted: Known, content: bytes, copy: int) -> None:
        same = content == wanted.original
        self._require(same == (copy == Copy.ORIGINAL), f"content of {wanted.name}", copy, same)

    def _require(self, right: bool, what: str, found: object, expected: object) -> None:
        if not right:
            raise Differs(f"{what}: {found}, expected {expected}")

    def act_storm(self, consent: int, who: int, record: int, carrier: int) -> None:
        """Several read at once while a consent is revoked: what is decided after the receipt follows it."""
        open_ = [one for one in self.naive.consents if not one.revoked and one.acknowledged]
        live = [one for one in open_ if not one.wanted.prohibits]
        if not open_:
            return
        chosen = pick(live or open_, consent)
        at = pick(sorted(chosen.acknowledged), carrier)
        reader, wanted, purpose = self._about(replace(chosen, custodians=(at,)), who, record, who // 3)
        readers = [reader, reader, pick([one for one in self.staff if one.role == 3], who)]
        storm = Storm(self, wanted, purpose)
        with storm.of(readers):
            time.sleep(STORM_SECONDS)
            before = replace(chosen, revoked=False, acknowledged=set(chosen.acknowledged))
            self.revoke(chosen, at)
            receipt = time.monotonic()
            time.sleep(STORM_SECONDS)
        earlier = replace(self.naive, consents=[before if one is chosen else one for one in self.naive.consents])
        for reader, decided, code, copy, clocks in storm.seen:
            may = self.naive.read(reader, wanted, Action.READ, purpose, clocks)
            if decided < receipt:
                may |= earlier.read(reader, wanted, Action.READ, purpose, clocks)
            self._require((code, copy) in may, f"read of {wanted.name} while revoking", (code, copy), may)
            self.counts[code or "served"] += 1
            if not code:
                self.served[wanted.commitment, reader.account, copy] += 1


class SlowLog:
    """A custodian's log (port ``EntryLog``) that takes its time, and notes when each thread's last entry was durable.

    After that the custodian decides again (RD9): so it is known of each read after which moment it was decided.
    """

    def __init__(self, log: EntryLog) -> None:
        self._log = log
        self.durable: dict[int, float] = {}

    def log(self, entry: AccessEntry) -> Logged:
        """Log, wait, note."""
        place = self._log.log(entry)
        self._wait()
        return place

    def log_many(self, entries: Sequence[AccessEntry]) -> Sequence[Logged | Exception]:
        """Log, wait, note."""
        places = self._log.log_many(entries)
        self._wait()
        return places

    def _wait(self) -> None:
        time.sleep(SLOW_SECONDS)
        self.durable[threading.get_ident()] = time.monotonic()


class Storm:
    """Readers who read one record again and again, each on a thread of its own.

    ``seen`` has of each read: who, a moment before it was last decided, the code of the refusal, the copy, the clocks.
    """

    def __init__(self, questions: Questions, wanted: Known, purpose: Purpose) -> None:
        self._questions, self._wanted, self._purpose = questions, wanted, purpose
        custodian = questions.town.servings[wanted.hospital].custodian
        self._log = SlowLog(custodian._parts.log)
        self._custodian = Custodian(replace(custodian._parts, log=self._log), custodian._head)
        self._stop = threading.Event()
        self._faults: list[BaseException] = []
        self.seen: list[tuple[Account, float, str, int, Clocks]] = []

    @contextmanager
    def of(self, readers: Sequence[Account]) -> Iterator[None]:
        """Let them read until the block ends; raise what went wrong in any of them."""
        threads = [threading.Thread(target=self._go_on, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        for fault in self._faults:
            raise fault

    def _go_on(self, reader: Account) -> None:
        try:
            while not self._stop.is_set():
                self._read(reader)
        except BaseException as fault:  # noqa: BLE001  (told by whoever waits)
            self._faults.append(fault)

    def _read(self, reader: Account) -> None:
        questions, wanted = self._questions, self._wanted
        node = replace(questions.town.node(wanted.hospital), custodian=self._custodian)
        serving, begun = questions.town.servings[reader.hospital], time.monotonic()
        who = questions.town.reader(reader)
        code, got, clocks = questions._ask(
            wanted.hospital, lambda: serving.reader.read(node, who, wanted.commitment, self._purpose)
        )
        decided = max(begun, self._log.durable.get(threading.get_ident(), begun))
        self.seen.append((reader, begun if code else decided, code, 0 if got is None else int(got.copy), clocks))


def other(hospital: str) -> str:
    """Return the other one of the two."""
    return "b" if hospital == "a" else "a"
