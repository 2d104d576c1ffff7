"""What lies in a home lies apart by kind: accounts, blocks, settings, keys, records (design D13; S7.1b2).

Each kind has its own folder, is read by its own code, and tells nothing of the others: what is secret in one is in no
file of another, and a copy of some kinds without the keys opens nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import (
    an_auditor,
    make_hospital,
    opened,
    opened_archive,
    read_copy,
    record_ids,
    stored_records,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import rules_of
from xinglin.settings import load_settings

KINDS = {
    "config.toml": "settings", "keys": "keys", "chain": "blocks", "accounts": "accounts",
    "vault": "records", "keyring": "record keys", "quarantine": "refused records",
    "patient_index": "patients", "protection": "permissions",
}  # fmt: skip
"""What each file or folder at the top of a home holds; everything in a home is below one of them."""


@pytest.fixture
def home(hospital: Path, tmp_path: Path) -> Path:
    """Return a copy of the hospital's home, whose passphrase file lies beside it."""
    shutil.copytree(hospital, tmp_path / "home")
    shutil.copy(hospital.parent / "passphrase", tmp_path / "passphrase")
    return tmp_path / "home"


def files(home: Path) -> Iterator[tuple[str, Path]]:
    """Yield the kind and path of each file."""
    for path in home.rglob("*"):
        if path.is_file():
            yield KINDS[path.relative_to(home).parts[0]], path


def secrets(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield, with its kind, what only that kind of file may tell, however well it is sealed there."""
    for path in (home / "accounts").iterdir():
        opening = json.loads(path.read_text(encoding="utf-8"))
        yield from (("accounts", text.encode()) for text in (opening["statement"], opening["salt"]))
        yield "accounts", bytes.fromhex(opening["salt"])
    with opened_archive(home) as archive:
        for row in stored_records(archive)[:20]:
            held = archive.vault.keyring.secrets_of([(row.number, row.record)])[0]
            yield from (("record keys", one) for one in (held.key, held.salt_original, held.salt_copy, held.handle))  # type: ignore[union-attr]
            yield "records", archive.vault.read(identifier(row.record))[:64]
            yield "records", row.record
        yield from (("blocks", told) for told in blocks(archive.node.consortium))
    yield "settings", b'engine = "embedded"'


def blocks(ledger: Ledger) -> Iterator[bytes]:
    """Yield body ids and signatures of a chain; not of record batches, of which the outbox keeps copies."""
    for index in range(ledger.tip.log_size):
        entry = ledger.entry(index)
        if entry.transaction.operations[0].head.contract != "records":
            yield from (entry.leaf.body, *entry.transaction.signatures)


@pytest.mark.requirement("S7.1b2")
def test_every_file_is_of_one_kind_and_tells_nothing_of_another(home: Path) -> None:
    told = list(secrets(home))
    assert {kind for kind, _ in told} == {"accounts", "records", "record keys", "blocks", "settings"}
    assert {kind for kind, _ in files(home)} == set(KINDS.values())
    found = []
    for kind, path in files(home):
        data = path.read_bytes()
        found += [(kind, path.name, of) for of, one in told if of != kind and one in data]
    assert found == []


@pytest.mark.requirement("S7.1b2")
@pytest.mark.parametrize("away", ["accounts", "vault", "keyring", "quarantine"])
def test_each_kind_can_be_taken_away_and_the_chains_stay(home: Path, away: str) -> None:
    def tips() -> list[object]:
        with opened(home) as node:
            return [node.consortium.tip, node.private_ledger().tip]

    before = tips()
    shutil.rmtree(home / away)
    assert tips() == before


@pytest.mark.requirement("S7.1b2")
def test_blocks_are_read_without_keys_and_settings(home: Path) -> None:
    settings = load_settings(home)
    with opened(home) as node:
        tip = node.consortium.tip
    for name in set(KINDS) - {"chain"}:
        shutil.rmtree(home / name) if (home / name).is_dir() else (home / name).unlink()
    ledger = Ledger.open(home, rules_of(stored_genesis(home, settings.consortium.id)))
    assert ledger.tip == tip
    ledger.close()


@pytest.mark.requirement("S7.1b2", "S8.2d")
@pytest.mark.parametrize(
    ("away", "code"),
    [("keys", "keystore.not_found"), ("keyring", "storage.missing"), ("vault", "storage.missing")],
)
def test_a_copy_that_lacks_one_kind_gives_no_record(
    home: Path, away: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(home.parent / "passphrase"))
    record, auditor = record_ids(home)[0], an_auditor(home)
    assert read_copy(home, record, auditor).status == 0
    shutil.rmtree(home / away)
    said = read_copy(home, record, auditor)
    assert (said.out, said.code) == (b"", code)


@pytest.mark.requirement("S7.1b2", "S8.2d")
def test_the_keys_of_another_home_open_no_record(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with the same passphrase: what opens the keyring is the institution's key, not the passphrase."""
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(home.parent / "passphrase"))
    record, auditor = record_ids(home)[0], an_auditor(home)
    other = make_hospital(tmp_path / "other", "Lakeside Hospital")
    shutil.rmtree(home / "keys")
    shutil.copytree(other / "keys", home / "keys")
    said = read_copy(home, record, auditor)
    assert (said.out, said.status != 0) == (b"", True)
