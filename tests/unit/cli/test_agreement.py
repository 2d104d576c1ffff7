"""``xinglin agreement`` on the homes of two members that keep a chain together."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.hospitals import make_hospitals
from tests.support.neighbours import DAY_MS, A, B, neighbours
from tests.support.product import Said, opened, xinglin
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import sign_agreement
from xinglin.service.basic.sharing.agreements.model import AgreementTerms
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

TERMS = ("--purpose", "treat", "--purpose", "etreat", "--category", "3", "--category", "health_status")
YEAR = ("--days", "365")


@dataclass(frozen=True)
class Two:
    """Both homes, the members' ids, and the paper that both have."""

    folder: Path
    members: dict[str, str]
    paper: Path

    def __call__(self, verb: str, home: str, *arguments: str | Path) -> Said:
        """Run a command of the noun at one home."""
        return xinglin("agreement", verb, "--home", self.folder / home, *arguments)

    def sign(self, verb: str, home: str, *arguments: str | Path) -> Said:
        """Run a command at one home, the other being open too."""
        return self(verb, home, *arguments, "--with", self.folder / (B if home == A else A))

    def propose(self, home: str = A, *more: str | Path, side: str = "--reader") -> Said:
        """Propose the terms to the other member."""
        other = self.members[B if home == A else A]
        return self.sign("propose", home, side, other, "--document", self.paper, *(more or (*TERMS, *YEAR)))

    def proposed(self, home: str = A, side: str = "--reader") -> str:
        """Propose the terms and return the agreement's id."""
        return self.propose(home, side=side).out.decode().split()[0]

    def row(self, agreement: str, home: str = A) -> Any:
        """Return what a home shows of an agreement, by its JSON."""
        return self("show", home, agreement, "--json").json

    def status(self, *ids: str) -> list[str]:
        """Return where agreements stand."""
        return [self.row(one)["status"] for one in ids]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    make_hospitals(folder)
    return folder


@pytest.fixture
def two(made: Path, tmp_path: Path) -> Two:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    members = {}
    for name in (A, B):
        with opened(tmp_path / name) as node:
            members[name] = node.member
    (tmp_path / "agreement.pdf").write_bytes(b"%PDF what both directors signed")
    return Two(tmp_path, members, tmp_path / "agreement.pdf")


@pytest.mark.requirement(
    "W6", part="the agreement that two members sign; channels come with exchange", command="xinglin agreement accept"
)
def test_one_proposes_the_other_accepts_the_same_and_either_ends_it(two: Two) -> None:
    before = SystemClock().now_ms()
    agreement = two.proposed()
    row = two.row(agreement, B)
    assert row == two.row(agreement, A)
    assert (row["custodian"], row["reader"]) == (two.members[A], two.members[B])
    assert (row["status"], row["proposed_by"], row["accepted_ms"]) == ("proposed", two.members[A], 0)
    assert row["purposes"] == sorted(["treat", "etreat"])
    assert (row["categories"], row["level"]) == (["health_status", "medical_application"], 4)
    assert before <= row["from_ms"] == row["until_ms"] - 365 * DAY_MS
    assert row["custodian_name"] in two("list", B).out.decode()

    (two.folder / "other.pdf").write_bytes(b"%PDF another one")
    other = two.sign("accept", B, agreement, "--document", two.folder / "other.pdf")
    assert (other.code, two.status(agreement)) == ("agreement.document", ["proposed"])
    accepted = two.sign("accept", B, agreement, "--document", two.paper)
    lines = accepted.out.decode().splitlines()
    assert [row["document"] in line for line in lines].index(True) < len(lines) - 1 == lines.index(lines[-1])
    assert lines[-1] == f"{agreement}  accepted: in force"
    after = two.row(agreement)
    changed = {name for name in row if row[name] != after[name]}
    assert (changed, after["accepted_ms"] >= before) == ({"status", "accepted_ms"}, True)
    assert two.sign("accept", B, agreement).code == "agreement.settled"

    ended = two.sign("end", B, agreement, "--json").json
    assert (ended["status"], ended["ended_ms"] >= after["accepted_ms"]) == ("ended", True)
    assert two.sign("end", A, agreement).code == "agreement.settled"


def test_what_was_proposed_before_another_was_accepted_lapses(two: Two) -> None:
    first, second, third = two.proposed(B, "--custodian"), two.proposed(B, "--custodian"), two.proposed()
    assert two.row(first)["custodian"] == two.members[A]
    assert two.sign("accept", B, first).code == "agreement.not_party"
    assert two.sign("accept", A, first, "--json").json["status"] == "in_force"
    assert two.status(first, second, third) == ["in_force", "lapsed", "lapsed"]
    assert two.sign("accept", A, second).code == "agreement.settled"
    fourth = two.propose(A, *TERMS, "--from", "2099-01-01", *YEAR, "--level", "2", "--json").json["agreement"]
    assert two.sign("accept", B, fourth, "--json").json["status"] == "to_begin"
    assert two.status(first, fourth) == ["replaced", "to_begin"]
    back = two.proposed(A, "--custodian")
    assert two.status(back, fourth) == ["proposed", "to_begin"]
    listed = two("list", A, "--member", two.members[B], "--json").json["agreements"]
    assert {row["agreement"] for row in listed} == {first, second, third, fourth, back}
    assert two("list", A, "--member", identifier(bytes(16)), "--json").json == {"agreements": []}


@pytest.mark.requirement("S8.3")
def test_an_administrators_account_signs_and_no_other(two: Two) -> None:
    with neighbours(two.folder) as site:
        roles = (Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER)
        administrator, officer = (add_account(site.node, (role,), role.name).account for role in roles)
    assert two.propose(A, *TERMS, *YEAR, "--account", officer).code == "policy.role"
    assert two.propose(A, *TERMS, *YEAR, "--account", identifier(bytes(16))).code == "account.no_key"
    agreement = two.propose(A, *TERMS, *YEAR, "--account", administrator, "--json").json["agreement"]
    assert two.sign("accept", B, agreement, "--account", administrator).code == "account.no_key"
    assert two.sign("end", A, agreement, "--account", officer).code == "policy.role"
    assert two.status(agreement) == ["proposed"]


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "no purpose": (("--category", "2", *YEAR), "usage.invalid"),
    "no category": (("--purpose", "treat", *YEAR), "usage.invalid"),
    "an unknown purpose": ((*TERMS, *YEAR, "--purpose", "gossip"), "option.choice"),
    "an unknown category": ((*TERMS, *YEAR, "--category", "7"), "option.choice"),
    "no level": ((*TERMS, *YEAR, "--level", "0"), "usage.invalid"),
    "no period": (TERMS, "usage.invalid"),
    "no date": ((*TERMS, "--until", "soon"), "option.time"),
    "a period gone by": ((*TERMS, "--from", "2020-01-01", "--until", "2021-01-01"), "agreement.terms"),
    "both sides": ((*TERMS, *YEAR, "--custodian", identifier(bytes(16))), "usage.invalid"),
    "no account's id": ((*TERMS, *YEAR, "--account", "me"), "identifier.invalid"),
    "no such paper": ((*TERMS, *YEAR, "--document", "absent.pdf"), "file.unusable"),
    "an empty paper": ((*TERMS, *YEAR, "--document", "/dev/null"), "file.unusable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_terms_leave_nothing(case: str, two: Two) -> None:
    more, code = REFUSED[case]
    assert two.propose(A, *more).code == code
    assert two("list", A, "--json").json == {"agreements": []}


def test_bad_names_and_a_home_alone_leave_nothing(two: Two) -> None:
    paper, absent = ("--document", two.paper), identifier(bytes(16))
    for member, code in (
        (two.members[A], "agreement.terms"),
        (absent, "member.not_found"),
        ("x", "identifier.invalid"),
    ):
        assert two.sign("propose", A, "--reader", member, *paper, *TERMS, *YEAR).code == code
    assert two.sign("propose", A, *paper, *TERMS, *YEAR).code == "usage.invalid"
    assert two("propose", A, "--reader", two.members[B], *paper, *TERMS, *YEAR).code == "chain.group_required"
    for verb in ("accept", "end"):
        assert two.sign(verb, B, absent).code == "agreement.unknown"
        assert two.sign(verb, B, "nothing").code == "identifier.invalid"
        assert two(verb, B, absent).code == "chain.group_required"
    assert two("show", B, absent).code == "agreement.unknown"
    assert two("show", B, "nothing").code == two("list", B, "--member", "x").code == "identifier.invalid"
    assert two("list", B, "--json").json == {"agreements": []}


def test_times_that_no_calendar_has_are_shown(two: Two) -> None:
    """Another member's program may have put them on the chain."""
    last = 2**63 - 1
    terms = AgreementTerms(
        two.members[A], two.members[B], (Purpose.TREAT,), (Category(2),), Level.NARROW, last - 1, last, bytes(32)
    )
    with neighbours(two.folder) as site:
        agreement = sign_agreement(*site.nodes, terms)
    assert f"{last - 1} ms to {last} ms" in two("show", B, agreement).out.decode()
    assert "to begin" in two("list", B).out.decode()
