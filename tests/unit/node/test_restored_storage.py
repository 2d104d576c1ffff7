"""A vault and keyring that are gone, or older than the chain, are found, and nothing is registered twice from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.product import PASSPHRASE, make_hospital, opened, some_bundles, stored_records
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import decode
from xinglin.node.records.archive import open_archive
from xinglin.node.records.reading import reading
from xinglin.node.verify import verify_home
from xinglin.service.basic.coordination.model import NoteIntake
from xinglin.service.basic.coordination.outbox.errors import BatchMissing
from xinglin.service.basic.intake.files import Refusal
from xinglin.service.basic.intake.model import IntakeReport


def take_in(home: Path, files: list[Path]) -> IntakeReport:
    """Take bundles into a home."""
    refusals: list[Refusal] = []
    with opened(home, running=True) as node, open_archive(node) as archive, reading(files, 1 << 27, refusals) as what:
        return archive.take_in("file", what)


def noted_batches(ledger: Ledger) -> list[str]:
    """Return the batches of every intake note of a private chain, in order."""
    calls = [ledger.entry(index).transaction.operations[0] for index in range(ledger.tip.log_size)]
    notes = [decode(NoteIntake, one.head.arguments) for one in calls if one.head.method == "intake"]
    return [batch for note in notes for batch in note.batches]


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Return two bundles."""
    return some_bundles(tmp_path / "bundles", 2)


@pytest.fixture
def hospital(tmp_path: Path, bundles: list[Path]) -> Path:
    """Return a home into which the first bundle was taken, with copies of its vault and keyring beside it."""
    home = make_hospital(tmp_path / "home")
    take_in(home, bundles[:1])
    for name in ("vault", "keyring"):
        shutil.copytree(home / name, tmp_path / name)
    return home


def set_back(home: Path) -> None:
    """Put the copies of vault and keyring back."""
    for name in ("vault", "keyring"):
        shutil.rmtree(home / name)
        shutil.copytree(home.parent / name, home / name)


def codes(home: Path) -> set[str]:
    """Return the codes of what verifying a home finds."""
    return {finding.code for finding in verify_home(home, PASSPHRASE).findings}


@pytest.mark.requirement("S9.1", "S6.2c2", command="xinglin ledger verify")
def test_a_vault_set_back_is_found_and_takes_nothing_in(hospital: Path, bundles: list[Path]) -> None:
    assert codes(hospital) == set()
    take_in(hospital, bundles[1:])
    set_back(hospital)
    assert codes(hospital) == {"outbox.batch_missing"}
    with opened(hospital) as node:
        logged = node.consortium.tip.log_size
    with pytest.raises(BatchMissing):
        take_in(hospital, bundles[1:])
    with opened(hospital) as node:
        assert node.consortium.tip.log_size == logged


@pytest.mark.requirement("S9.1", "S6.2c2", command="xinglin ledger verify")
@pytest.mark.parametrize("gone", [("vault",), ("keyring",), ("vault", "keyring")])
def test_storage_that_is_gone_is_found(hospital: Path, gone: tuple[str, ...]) -> None:
    for name in gone:
        shutil.rmtree(hospital / name)
    assert codes(hospital) == {"storage.missing"}


def test_a_private_chain_taken_out_of_the_settings_is_found(hospital: Path) -> None:
    config = hospital / "config.toml"
    config.write_text(config.read_text().partition("\n[private]")[0])
    assert codes(hospital) == {"home.contradicted"}


@pytest.mark.requirement("W9")
def test_every_registered_batch_is_noted_once_whatever_crashes(
    hospital: Path, bundles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("xinglin.node.records.archive.Archive.note", stop)
        with pytest.raises(Stopped):
            take_in(hospital, bundles[1:])
    with monkeypatch.context() as patch:
        patch.setattr("xinglin.service.basic.coordination.outbox.delivery.Outbox.mark_noted", stop)
        with pytest.raises(Stopped):  # noted on the chain, not marked in the outbox
            take_in(hospital, bundles[1:])
    for _ in range(2):
        assert take_in(hospital, bundles[1:]).accepted == 0
    with opened(hospital) as node, open_archive(node, writing=False) as archive:
        registered = {row.details.batch for row in stored_records(archive)}
        noted = noted_batches(node.private_ledger())
    assert len(registered) > 1
    assert sorted(noted) == sorted(registered)
