"""The demonstration as its user runs it: one process, then other processes on the homes and proofs that it left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import needs_engine
from tests.support.product import SYNTHEA, Said, child, run_child
from xinglin.carrier.access.governance.model import Approve, Propose
from xinglin.carrier.access.registry.model import AddAccount
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, decode, pack
from xinglin.node.node import open_node
from xinglin.node.office.directory import Directory
from xinglin.service.basic.coordination.model import AnchorState, CommitAnchor, RegisterBatch

HOMES = {"hospital-a", "hospital-b", "platform", "regulator"}
SYNTHEA_RESOURCES, SYNTHEA_AT_BOTH = 8_009, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the demonstration is run."""
    return tmp_path_factory.mktemp("demonstration")


@pytest.fixture(scope="module")
def said(folder: Path) -> Said:
    """Run the demonstration with the real bundles, with invented patients where there are none."""
    data = ["--data", str(SYNTHEA)] if SYNTHEA.is_dir() else []
    done = run_child(child("demo", "--home", folder / "homes", "--json", *data), folder)
    assert done.status == 0, done.err
    return done


@pytest.fixture(scope="module")
def result(said: Said) -> Any:
    """Return the object that the demonstration prints."""
    return said.json


@pytest.mark.requirement("S5.1", "S5.2", "H2", "H3", "W1", command="xinglin demo")
@pytest.mark.requirement("W5", part="archives of persons registered from what the institution keeps; clouds come later")
def test_every_resource_is_registered_and_every_claim_shown(result: Any, said: Said) -> None:
    assert set(result["homes"]) == HOMES
    figures = result["figures"]
    assert figures["records"] > 2_000
    assert figures["quarantined"] == 0
    assert figures["cosignatures"] == len(HOMES)
    if SYNTHEA.is_dir():
        assert (figures["resources"], figures["patients_at_both"]) == (SYNTHEA_RESOURCES, SYNTHEA_AT_BOTH)
    told = [
        "votes for Insurer",
        "caught up to",
        "one byte of a stored record",
        "one byte of a chain's store",
        "a receipt rewritten",
        "private chain set back",
        "refuses",
        "ledger verify finds nothing",
        "the entry of each was on its chain",
        "found there by the request",
    ]
    assert [one for one in told if one not in said.err] == []


REFUSED = {
    "access.request_signature",
    "chain.stale",
    "permit.category",
    "permit.expired",
    "permit.key_ended",
    "permit.level",
    "permit.member_suspended",
    "permit.no_consent",
    "permit.purpose",
    "permit.quota",
    "permit.revoked",
}


SHOWN = (
    "proposed and approved by two accounts",
    "closed by the receipt",
    "audited before serving",
    "permitted, basis care",
    "a review task was due",
    "both hospitals have a review task",
    "past the 18th birthday: refused",
    "no consent is taken in",
    "the civil registry reports the death",
    "refused [permit.superseded]",
    "told and acknowledged",
    "complete: the entries of every record",
    "responsible: Physician of hospital B",
    "reads.proof: all entries of one record",
    "refused [destruction.retention]",
    "refused [destruction.hold]",
    "is listed in the certificate",
    "refused [destruction.sealed]",
    "marked as late addition",
    "opened by both sides",
)


@pytest.mark.requirement("S7.2a", "S6.3c", "S8.3", "H4", "H9", command="xinglin demo")
def test_each_refusal_is_shown_with_its_own_code(result: Any, said: Said) -> None:
    assert set(result["figures"]["refusals"].values()) == REFUSED
    assert [code for code in REFUSED if code not in said.err] == []


@pytest.mark.requirement("S1.1", "S7.1f", "S7.2e", "H6", "H11", "H12", "H14", command="xinglin demo")
def test_every_part_is_shown(result: Any, said: Said) -> None:
    assert [one for one in SHOWN if one not in said.err] == []
    assert set(result["bundles"]) == {"record", "anchor", "reads", "entry", "episode"}
    assert all(Path(file).stat().st_size > 100 for file in result["papers"].values())
    assert set(result["papers"]) == {"scan", "certificate", "report_html", "report_pdf"}


@pytest.mark.skipif(
    not SYNTHEA.is_dir(), reason="without the real bundles the demonstration above has invented patients"
)
def test_every_part_is_shown_on_invented_patients_too(tmp_path: Path) -> None:
    done = run_child(child("demo", "--home", tmp_path / "homes", "--json"), tmp_path)
    assert done.status == 0, done.err
    assert set(done.json["figures"]["refusals"].values()) == REFUSED
    assert [one for one in SHOWN if one not in done.err] == []


@needs_engine
@pytest.mark.requirement("S6.2b", command="xinglin demo --network")
def test_the_same_is_shown_with_an_engine_beside_each_home(tmp_path: Path) -> None:
    done = run_child(child("demo", "--network", "--home", tmp_path / "homes", "--json"), tmp_path)
    assert done.status == 0, done.err
    assert set(done.json["figures"]["refusals"].values()) == REFUSED
    assert [one for one in (*SHOWN, "all 5 homes: app hash") if one not in done.err] == []
    assert done.json["figures"]["cosignatures"] == len(HOMES)
    assert set(done.json["homes"]) == {*HOMES, "insurer"}


@pytest.mark.requirement("S9.1", "S6.2c2", command="xinglin ledger verify")
def test_the_homes_are_left_whole(folder: Path, result: Any) -> None:
    passphrase = {"XINGLIN_PASSPHRASE_FILE": result["passphrase_file"]}
    heads = set()
    for home in result["homes"].values():
        shown = run_child(child("ledger", "show", "--home", home, "--json"), folder, passphrase)
        assert shown.status == 0, shown.err
        heads |= {chain["app_hash"] for chain in shown.json["chains"] if chain["profile"] == "consortium"}
    assert len(heads) == 1
    for hospital in ("hospital-a", "hospital-b"):
        home = result["homes"][hospital]
        verified = run_child(child("ledger", "verify", "--home", home, "--json"), folder, passphrase)
        assert (verified.status, verified.json["findings"]) == (0, [])


@pytest.mark.requirement("W9", part="members, accounts, records, anchors, reads; the flows of clause 8 come with them")
def test_every_member_account_batch_and_anchor_has_its_entry_on_the_ledger(result: Any) -> None:
    """What the state has, and genesis did not, is there by entries that name it: nothing came without one."""
    passphrase = Path(result["passphrase_file"]).read_bytes().rstrip(b"\n")
    for name, home in result["homes"].items():
        node = open_node(Path(home), passphrase)
        ledger = node.consortium
        founders = ledger.rules.genesis.founders
        done = list(operations(ledger))
        applicants = [one for call in done if isinstance(call, Propose) for one in call.applicants]
        directory = Directory(ledger)
        members, accounts = dict(directory.members()), dict(directory.accounts())
        batch_keys, anchor_keys = b"\x94" + pack("records") + pack("batch"), b"\x93" + pack("anchor") + pack("chain")
        with ledger.state() as state:
            batches = [decode(tuple[Any, ...], key)[3] for key, _ in state.scan(batch_keys)]
            anchors = [decode(AnchorState, value) for _, value in state.scan(anchor_keys)]
        node.close()
        assert set(members) == {one.member for one in (*founders, *applicants)}, name
        assert len(members) == len(HOMES) + 1
        assert sum(isinstance(call, Approve) for call in done) >= 3
        founding = {account.account for one in (*founders, *applicants) for account in one.accounts}
        assert set(accounts) - founding == {call.account for call in done if isinstance(call, AddAccount)}
        assert len(accounts) - len(founding) >= 5
        assert sorted(batches) == sorted(call.batch for call in done if isinstance(call, RegisterBatch))
        assert len(batches) > 10
        anchored = [call.head.size for call in done if isinstance(call, CommitAnchor)]
        assert len(anchors) == 2
        assert {anchor.head.size for anchor in anchors} <= {*anchored, 0}


def operations(ledger: Ledger) -> Iterator[Any]:
    """Yield the arguments of every operation that was done, in order, those of the named kinds as their objects."""
    kinds: dict[tuple[str, str], type[ChainObject]] = {
        ("governance", "propose"): Propose,
        ("governance", "approve"): Approve,
        ("registry", "add_account"): AddAccount,
        ("records", "register"): RegisterBatch,
        ("anchor", "commit"): CommitAnchor,
    }
    for index in range(ledger.tip.log_size):
        entry = ledger.entry(index)
        for one in entry.transaction.operations:
            kind = kinds.get((one.head.contract, one.head.method))
            if kind is not None and entry.receipt.number == 0:
                yield decode(kind, one.head.arguments)


@pytest.mark.parametrize("bundle", ["record", "anchor", "reads", "entry", "episode"])
def test_the_proofs_hold_for_a_stranger_and_a_changed_byte_does_not(folder: Path, result: Any, bundle: str) -> None:
    path = Path(result["bundles"][bundle])
    checked = run_child(child(path, "--trust", result["trust"], "--json", module="xinglin_verify"), folder)
    assert (checked.status, json.loads(checked.out)["verdict"]) == (0, "holds")
    changed = folder / "changed"
    for position in range(0, path.stat().st_size, path.stat().st_size // 7):
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        changed.write_bytes(data)
        refused = run_child(child(changed, "--trust", result["trust"], module="xinglin_verify"), folder)
        assert refused.status in (1, 4), position


def test_the_record_that_was_proven_reads_back(folder: Path, result: Any) -> None:
    passphrase = {"XINGLIN_PASSPHRASE_FILE": result["passphrase_file"]}
    home, *others = result["homes"].values()
    group = [part for other in others for part in ("--with", other)]
    made = run_child(
        child("account", "add", "--home", home, *group, "--role", "auditor", "--person", "Quality office", "--json"),
        folder,
        passphrase,
    )
    reads = ("--account", json.loads(made.out)["account"], "--purpose", "hqualimp")
    read = run_child(child("record", "read", "--home", home, result["figures"]["record"], *reads), folder, passphrase)
    assert read.status == 0, read.err
    assert json.loads(read.out)["resourceType"] == "Observation"


def test_a_folder_that_is_not_a_demonstrations_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = run_child(child("demo", "--home", tmp_path), tmp_path)
    assert refused.status != 0
    assert refused.code == "home.exists"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_data_inside_the_demonstrations_folder_are_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / ".xinglin-demo").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "bundle.json").write_text("{}")
    refused = run_child(child("demo", "--home", tmp_path, "--data", tmp_path / "mine"), tmp_path)
    assert refused.code == "demo.data_inside"
    assert (tmp_path / "mine" / "bundle.json").is_file()
