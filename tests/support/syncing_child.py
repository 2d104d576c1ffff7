"""``python -m tests.support.syncing_child FOLDER COUNT``: permitted reads with marks between them, to be traced.

Hospital A's physician reads at home, of a patient who lies there now; then B's reads at A under a consent. Each read
writes ``mark begin``, ``mark answered`` when A has answered, and ``mark end`` to standard error.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.reading_child import agree_both_ways
from tests.support.reading_town import HOSPITALS, Town, town_in
from tests.support.town_people import PATIENTS
from xinglin.node.chains import SystemClock
from xinglin.node.office.consents import acknowledge, give_by_own_key
from xinglin.node.records.serving import Serving
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose


def mark(what: str) -> None:
    """Write a mark that a trace shows."""
    os.write(2, f"mark {what}\n".encode())


@dataclass
class Marking:
    """A node that marks when it has answered (port ``CustodianNode``)."""

    serving: Serving

    @property
    def node(self) -> str:
        return self.serving.node

    @property
    def member(self) -> str:
        return self.serving.member

    def answer(self, request: bytes, payload: bytes = b"") -> bytes:
        """Answer, then mark."""
        data = self.serving.answer(request, payload)
        mark("answered")
        return data


def consent(town: Town) -> None:
    """Let the first patient consent that B treats."""
    now = SystemClock().now_ms()
    period = (now - 2_000, now - 2_000, now + 86_400_000)
    wish = WantedConsent([Purpose.TREAT], [Category.HEALTH_STATUS], Level.NARROW, *period)
    given = give_by_own_key(town.archive("a").node, wish, [town.address("a", town.person("a", PATIENTS[0]), "a")])
    acknowledge(town.servings["a"], given.consent)


def main(folder: Path, count: int) -> None:
    """Read so often at home, and so often from elsewhere."""
    with town_in(folder) as town:
        agree_both_ways(town)
        consent(town)
        notes = [one for one in town.records("a") if one.type == "Observation"]
        here = next(one for one in notes if one.patient is not None and one.patient.here_now)
        there = next(one for one in notes if one.patient == PATIENTS[0])
        for who, record in (("a-doctor", here), ("b-doctor", there)):
            account = town.staff[who]
            assert account.hospital in HOSPITALS
            for _ in range(count):
                time.sleep(0.05)
                mark(f"begin {account.hospital}")
                town.servings[account.hospital].reader.read(
                    Marking(town.servings["a"]), town.reader(account), record.commitment, Purpose.TREAT
                )
                mark("end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
