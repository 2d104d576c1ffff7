"""What is killed in ``tests/scenario/kill_reading.py``: two hospitals that read from one another without end.

Readers of both hospitals read at the other one, a patient gives, has acknowledged and revokes consents, all at once.
A line of JSON tells each thing that was answered, after it was; a line before each read tells that it begins, and one
when its request leaves. Consents that an earlier run gave are read from ``consents.json``.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.agreements import agree
from tests.support.killing import tell_begun
from tests.support.reading_town import Account, Known, Town, town_in
from tests.support.town_people import HOSPITALS, PATIENTS
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock
from xinglin.node.office.consents import acknowledge, call, give_by_own_key
from xinglin.node.records.serving import Serving
from xinglin.service.basic.audit.messages import Asked, SignedRequest
from xinglin.service.basic.audit.receipts import request_hash
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.consents.model import RevokeConsent
from xinglin.service.basic.protection.consents.rules import revoke_message
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Action, Purpose

READERS = 3
KNOWN_AT_BOTH = tuple(one for one in PATIENTS[:2])
YEAR_MS = 366 * 86_400_000


def tell(**said: Any) -> None:
    """Write one line in one write: lines of threads don't mix, and none waits in a buffer when the process ends."""
    os.write(1, json.dumps(said).encode() + b"\n")


@dataclass
class Telling:
    """Another hospital's node (port ``CustodianNode``), which tells when a request leaves."""

    serving: Serving
    number: str

    @property
    def node(self) -> str:
        return self.serving.node

    @property
    def member(self) -> str:
        return self.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Tell and pass on; the twin is durable by now."""
        sent = decode(SignedRequest, request).request
        tell(asked=self.number, request=request_hash(suite("gm").hash, sent).hex())
        return self.serving.answer(request, payload)


def read(town: Town, who: Account, wanted: Known, number: str) -> None:
    """Read once, and tell what came."""
    custodian, serving = town.servings[wanted.hospital], town.servings[who.hospital]
    tell(begin=number, at=time.monotonic(), reader=who.hospital)
    asked = Asked("record", wanted.commitment)
    node = Telling(custodian, number)
    got = serving.reader.ask(node, town.reader(who), asked, Action.READ.value, Purpose.TREAT)
    receipt = got.receipt.receipt
    if got.answer.disclosed:
        assert serving.reader.checked(got.answer.disclosed[0], wanted.commitment).content == wanted.original
    tell(
        read=number,
        custodian=wanted.hospital,
        reader=who.hospital,
        request=receipt.request.hex(),
        entry=receipt.entry.hex(),
        index=receipt.index,
        item=receipt.item,
        outcome=receipt.outcome,
        served=len(got.answer.disclosed),
    )


def keep_reading(town: Town, records: dict[str, list[Known]], reader: int, source: random.Random) -> None:
    """Read at the other hospital without end."""
    hospital = HOSPITALS[reader % 2]
    there = HOSPITALS[1 - reader % 2]
    who = town.staff[f"{hospital}-{'doctor' if reader < 2 else 'nurse'}"]
    number = 0
    while True:
        number += 1
        read(town, who, source.choice(records[there]), f"{os.getpid()}-{reader}-{number}")


def keep_deciding(town: Town, standing: list[dict[str, str]], source: random.Random) -> None:
    """Give, acknowledge and revoke consents without end."""
    while True:
        if len(standing) < 2 or source.random() < 0.5:
            standing.append(give(town, source))
        else:
            revoke(town, standing.pop(source.randrange(len(standing))))
        time.sleep(0.02 * source.random())


def give(town: Town, source: random.Random) -> dict[str, str]:
    """Give a consent at one hospital for both, and have both acknowledge it."""
    now, about = SystemClock().now_ms(), source.choice(KNOWN_AT_BOTH)
    wanted = WantedConsent(
        purposes=[Purpose.TREAT],
        categories=[Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION],
        level=Level.NARROW,
        given_ms=now - 2_000,
        from_ms=now - 2_000,
        until_ms=now + YEAR_MS,
    )
    at = source.choice(HOSPITALS)
    bound = [town.address(name, town.person(name, about), at) for name in HOSPITALS]
    given = give_by_own_key(town.archive(at).node, wanted, bound)
    said = {"consent": given.consent, "key": given.key.hex(), "patient": str(PATIENTS.index(about))}
    tell(**said)
    for name in HOSPITALS:
        acknowledge(town.servings[name], given.consent)
        tell(acknowledged=given.consent, by=name)
    return said


def revoke(town: Town, said: dict[str, str]) -> None:
    """Revoke a consent with the patient's key, and tell when the receipt is there."""
    node = town.archive("b").node
    rules = node.consortium.rules
    message = revoke_message(rules.suite.hash, rules.chain, said["consent"])
    try:
        call(
            node,
            "consent",
            "revoke",
            RevokeConsent(said["consent"], rules.suite.sign(bytes.fromhex(said["key"]), message)),
        )
    except PlatformError as refusal:
        if refusal.code != "consent.revoked":  # the kill came between the receipt and the line
            raise
    tell(revoked=said["consent"], at=time.monotonic())


def agree_both_ways(town: Town) -> None:
    """Sign wide agreements both ways."""
    a, b = (town.archive(name).node for name in HOSPITALS)
    for custodian, reader in ((a, b), (b, a)):
        agree(custodian, reader, Purpose.TREAT, level=Level.STRICT)


def work(folder: Path, seed: str) -> None:
    """Go on until killed."""
    source = random.Random(seed)
    kept = folder / "consents.json"
    standing = json.loads(kept.read_text()) if kept.exists() else []
    with town_in(folder) as town:
        records = {
            name: [one for one in town.records(name) if one.patient in KNOWN_AT_BOTH and one.category in (2, 3)]
            for name in HOSPITALS
        }
        if any(serving.anchors.status.closed for serving in town.servings.values()):
            tell(fault="a private chain is behind its anchor")
        tell_begun()
        jobs = [(keep_reading, (records, number)) for number in range(READERS)] + [(keep_deciding, (standing,))]
        failed = threading.Event()

        def go(job: Any, more: Any, mine: random.Random) -> None:
            try:
                job(town, *more, mine)
            except BaseException as fault:
                tell(fault=repr(fault))
                failed.set()
                raise

        for job, more in jobs:
            threading.Thread(target=go, args=(job, more, random.Random(source.random())), daemon=True).start()
        failed.wait()
