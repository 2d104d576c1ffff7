"""``xinglin member``: applying, reviewing, proposing and voting, on three homes that keep a chain together."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.product import CHEAP, PASSPHRASE, Said, opened, xinglin
from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.kernel.encoding import decode, encode
from xinglin.node.chains import random_bytes
from xinglin.node.founding import COSIGNING
from xinglin.node.home import Home
from xinglin.node.membership import joining
from xinglin.node.membership.request import SignedRequest, request_message, request_suite
from xinglin.node.membership.voting import AHEAD
from xinglin.node.office.directory import Directory
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.node.site import open_site
from xinglin.stakeholders.kinds import MemberKind, Status

NAMES = ("platform", "insurer", "regulator")
KINDS = (MemberKind.TECHNOLOGY_PROVIDER, MemberKind.DATA_USER, MemberKind.REGULATOR)


@dataclass(frozen=True)
class Three:
    """The homes, the chain, the members' ids, and files."""

    folder: Path
    chain: str
    members: dict[str, str]

    def __call__(self, verb: str, home: str, *arguments: str | Path) -> Said:
        """Run a command of the noun at one home, all being open."""
        others = [part for name in NAMES if name != home for part in ("--with", self.folder / name)]
        return xinglin("member", verb, "--home", self.folder / home, *arguments, *others, "--json")

    def done(self, verb: str, home: str, *arguments: str | Path) -> Any:
        """Run it; it is not refused."""
        said = self(verb, home, *arguments)
        assert said.status == 0, said.out
        return said.json

    def refused(self, verb: str, home: str, *arguments: str | Path) -> str:
        """Run it; return the code of its refusal."""
        said = self(verb, home, *arguments)
        assert said.status != 0
        return str(said.json["error"]["code"])

    def proposals(self) -> Any:
        """Return the open proposals."""
        return xinglin("member", "proposals", "--home", self.folder / NAMES[0], "--json").json["proposals"]

    def status(self, name: str) -> Status:
        """Return what a member is now."""
        with opened(self.folder / NAMES[0]) as node:
            return Directory(node.consortium).member(self.members[name]).status

    def apply(self, name: str = "clinic", *arguments: str | Path, chain: str = "") -> Path:
        """Make an applicant's home, and return its request."""
        out = self.folder / f"{name}.request"
        wanted = (
            "--name",
            name,
            "--kind",
            "data_user",
            "--address",
            "127.0.0.1:7001",
            "--contact",
            "desk@clinic.example",
        )
        said = xinglin(
            "member",
            "apply",
            "--home",
            self.folder / name,
            *wanted,
            "--chain",
            chain or self.chain,
            "--out",
            out,
            *arguments,
        )
        assert said.status == 0, said.err
        return out

    def pass_by_two(self, proposal: str, *evidence: str | Path) -> None:
        """Let the two others than the proposer vote."""
        for name in ("insurer", "regulator"):
            self.done("vote", name, proposal, *evidence)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    homes = [
        make_home(folder / name, name, kind, PASSPHRASE, random_bytes, CHEAP)
        for name, kind in zip(NAMES, KINDS, strict=True)
    ]
    genesis = consortium_genesis(homes, random_bytes)
    for new in homes:
        adopt(new, genesis, GROUP, random_bytes)
    return folder


@pytest.fixture
def three(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Three:
    # A passphrase costs little to try in tests, also of homes that the command makes.
    monkeypatch.setattr(joining, "make_home", lambda *arguments: make_home(*arguments, CHEAP))
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    members, chain = {}, ""
    for name in NAMES:
        with opened(tmp_path / name) as node:
            members[name], chain = node.member, node.consortium.rules.chain
    return Three(tmp_path, chain, members)


def review(*arguments: str | Path) -> Said:
    return xinglin("member", "review", *arguments, "--json")


@pytest.mark.requirement("S8.2c", command="xinglin member apply")
def test_an_applicant_is_reviewed_proposed_and_voted_in(three: Three) -> None:
    licence = three.folder / "licence.pdf"
    licence.write_bytes(b"%PDF a licence")
    request = three.apply("clinic", "--evidence", licence)
    other = three.folder / "other.pdf"
    other.write_bytes(b"%PDF something else")
    said = review(request, "--evidence", licence, "--evidence", other).json
    assert (said["name"], said["chain"], said["votes"], said["validates"]) == ("clinic", three.chain, True, True)
    assert [one["named"] for one in said["documents"]] == [True, False]
    proposed = three.done("propose", "platform", request)
    (row,) = three.proposals()
    assert row["admits"] == [{"member": said["member"], "name": "clinic"}]
    assert row["reviews"] == [{"member": three.members["platform"], "evidence": said["hash"]}]
    three.done("vote", "insurer", proposed["proposal"], "--evidence", request)
    assert three.proposals()[0]["votes"] == [three.members["insurer"]]
    last = three.done("vote", "regulator", proposed["proposal"], "--evidence", request)
    assert last["passed"] is True
    assert three.proposals() == []
    with opened(three.folder / "platform") as node:
        directory = Directory(node.consortium)
        assert directory.member(said["member"]).status is Status.ACTIVE
        epoch = directory.epochs()[-1].epoch
    assert (len(epoch.members), epoch.threshold, epoch.quorum) == (4, 3, 3)


def test_nobody_votes_for_an_applicant_that_it_has_not_reviewed(three: Three) -> None:
    request, another = three.apply(), three.apply("another")
    proposal = three.done("propose", "platform", request)["proposal"]
    assert three.refused("vote", "insurer", proposal) == "member.unreviewed"
    assert three.refused("vote", "insurer", proposal, "--evidence", another) == "member.request_differs"
    assert three.refused("vote", "insurer", proposal, "--evidence", three.folder / "insurer" / "config.toml") == (
        "member.request"
    )
    assert three.proposals()[0]["votes"] == []
    # Who proposed has reviewed, and that is on record.
    assert three.done("vote", "platform", proposal)["votes"] == 1


def test_a_request_of_another_chain_is_not_taken(three: Three) -> None:
    request = three.apply(chain="c" + "a" * 26)
    assert review(request).status == 0
    assert three.refused("propose", "platform", request) == "member.change"


def test_a_request_joins_once(three: Three) -> None:
    request = three.apply()
    proposal = three.done("propose", "platform", request)["proposal"]
    for name in ("insurer", "regulator"):
        three.done("vote", name, proposal, "--evidence", request)
    assert three.refused("propose", "platform", request) == "member.change"
    member = review(request).json["member"]
    proposal = three.done("propose", "platform", "--remove", member)["proposal"]
    for name in NAMES:
        three.done("vote", name, proposal)
    assert three.refused("propose", "platform", request) == "registry.member_exists"


def _forged(data: bytes, keys: Path | None = None, **changes: Any) -> bytes:
    """Return a request that says something else; signed anew where the applicant's keys are at hand."""
    signed = decode(SignedRequest, data)
    request, signature = msgspec.structs.replace(signed.request, **changes), signed.signature
    if keys is not None:
        message = request_message(request_suite(request), request)
        signature = open_keystore(Home(keys).keys, PASSPHRASE).sign(COSIGNING, message)
    return encode(SignedRequest(request, signature))


def test_a_forged_request_is_found(three: Three) -> None:
    path = three.apply()
    data, home = path.read_bytes(), three.folder / "clinic"
    request = decode(SignedRequest, data).request
    founder, other = request.founder, decode(SignedRequest, three.apply("other").read_bytes()).request
    stolen = msgspec.structs.replace(founder, accounts=other.founder.accounts)
    forgeries = {
        "its signature is wrong": _forged(data, contact=b"thief@example.com"),
        "a key of it is not proven for this chain": _forged(data, home, chain="c" + "b" * 26),
        "its validator key is not proven": _forged(data, home, validator=other.validator),
        "it is not in form": data[:-1],
        "a text of it can't be printed": _forged(data, home, contact=b"\x1b[2J"),
        "it is longer than 65536 bytes": data + b"\0" * 70_000,
    }
    for reason, forged in forgeries.items():
        path.write_bytes(forged)
        said = review(path).json["error"]
        assert (said["code"], said["facts"]["reason"]) == ("member.request", reason)
    path.write_bytes(_forged(data, home, founder=stolen))
    assert review(path).json["error"]["facts"]["reason"] == "a key of it is not proven for this chain"


def test_a_member_is_suspended_restored_and_removed(three: Three) -> None:
    insurer = three.members["insurer"]
    statement = three.folder / "insurer.key"
    assert xinglin("member", "prove-key", "--home", three.folder / "insurer", "--out", statement).status == 0
    proposal = three.done("propose", "platform", "--suspend", insurer)["proposal"]
    assert three.proposals()[0]["suspends"] == [insurer]
    for name in ("platform", "regulator"):
        three.done("vote", name, proposal)
    assert three.status("insurer") is Status.SUSPENDED
    assert three.refused("propose", "insurer", "--remove", three.members["regulator"]) == "signer.ended"
    proposal = three.done("propose", "platform", "--restore", statement)["proposal"]
    for name in ("platform", "regulator"):
        three.done("vote", name, proposal)
    assert three.status("insurer") is Status.ACTIVE
    assert three.refused("propose", "platform", "--restore", statement) == "member.change"
    proposal = three.done("propose", "platform", "--remove", insurer)["proposal"]
    for name in ("platform", "regulator"):
        three.done("vote", name, proposal)
    assert three.status("insurer") is Status.ENDED
    assert three.refused("propose", "platform", "--restore", statement) == "member.change"


def test_a_key_is_rotated_and_the_threshold_changed(three: Three) -> None:
    with opened(three.folder / "platform") as node:
        before = node.cosigning_signer().key
    proposal = three.done("propose", "platform", "--rotate-key", "--ahead", "200")["proposal"]
    assert three.proposals()[0]["changes"] == [three.members["platform"]]
    three.pass_by_two(proposal)
    # The new key votes at once, and cosigns from the epoch's height on.
    proposal = three.done("propose", "regulator", "--threshold", "3", "--ahead", "200")["proposal"]
    for name in NAMES[1:]:
        three.done("vote", name, proposal)
    with opened(three.folder / "platform") as node:
        epochs = Directory(node.consortium).epochs()
        assert epochs[2].epoch.threshold == 3
        key = next(one.key for one in epochs[1].epoch.members if one.member == node.member)
        assert key != before
        assert node.cosigning_signer().key == before
    with open_site([three.folder / name for name in NAMES], PASSPHRASE) as site:
        while site.node.consortium.tip.height < epochs[2].epoch.from_height:
            site.node.client().engine.submit_many([]).result(60)
    proposal = three.done("propose", "regulator", "--quorum", "3")["proposal"]
    with opened(three.folder / "platform") as node:
        assert node.cosigning_signer().key == key
    assert three.done("vote", "platform", proposal)["needed"] == 3


def test_the_next_epoch_does_not_wait_for_the_one_before(three: Three) -> None:
    for change in (("--rotate-key",), ("--rotate-key",), ("--threshold", "3", "--ahead", "10")):
        three.pass_by_two(three.done("propose", "platform", *change)["proposal"])
        with opened(three.folder / "platform") as node:
            tip = node.consortium.tip.height
            epochs = [one.epoch.from_height for one in Directory(node.consortium).epochs()]
    assert tip < 100
    assert AHEAD < epochs[1] < epochs[2] < AHEAD + 100, "each is open for so many blocks from now"
    assert epochs[3] == epochs[2] + 1, "but never in force before the one that passed"


@pytest.mark.parametrize("text", [("--chain", "c" + "a" * 25), ("--address", "clinic.example")])
def test_an_application_that_is_not_in_form_makes_nothing(three: Three, text: tuple[str, str]) -> None:
    wanted = {"--name": "clinic", "--kind": "data_user", "--address": "127.0.0.1:7001", "--contact": "desk@x.example"}
    options = {**wanted, "--chain": three.chain, **dict([text])}
    arguments = [part for option in options.items() for part in option]
    said = xinglin("member", "apply", "--home", three.folder / "clinic", *arguments, "--out", three.folder / "out")
    assert said.code == "member.application"
    assert text[1] in said.err
    assert not (three.folder / "clinic").exists()


@pytest.mark.parametrize(
    "change",
    [(), ("--threshold", "1"), ("--threshold", "4"), ("--suspend", "a" * 26), ("--quorum", "2", "--threshold", "2")],
)
def test_what_makes_no_next_epoch_is_not_proposed(three: Three, change: tuple[str, ...]) -> None:
    assert three.refused("propose", "platform", *change) == "member.change"
    assert three.proposals() == []


def test_there_is_no_vote_without_a_proposal(three: Three) -> None:
    assert three.refused("vote", "platform", "a" * 26) == "member.no_proposal"


def test_only_who_applied_joins(three: Three) -> None:
    said = xinglin(
        "member", "join", "--home", three.folder / "platform", three.folder / "kit", "--node", "unix:/x", "--json"
    )
    assert said.json["error"]["code"] == "member.not_applicant"
