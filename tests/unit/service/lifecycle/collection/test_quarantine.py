"""The quarantine: originals and findings without content, sealed, each item once, damage found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import fhirkit
import pytest

from tests.support.fhir_bundles import EPISODE, PATIENT, but, collection
from tests.support.storage_home import StorageHome
from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection.errors import BundleEmpty, QuarantineDamaged, QuarantineMissing
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.findings import finding
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle, refusal_issue
from xinglin.service.lifecycle.collection.quarantine import Quarantine, operation_outcome
from xinglin.service.lifecycle.storage.errors import StorageUnwritable

ORIGINAL = '{"resourceType":"Patient","name":[{"text":"吴连德"}],"gender":"f"}'.encode()
ISSUES = [finding("value.code", "Patient.gender")]


@pytest.fixture
def opened(home: Path) -> Callable[[], Quarantine]:
    """Return what opens the quarantine of a home whose keys are on the disk."""
    storage = StorageHome(home).create()
    keys = storage.keyring.keys
    storage.close()
    return lambda: Quarantine(
        home / "quarantine", keys.sealer("quarantine"), lambda data: keys.lookups([(b"quarantine", data)])[0]
    )


def files(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "quarantine").iterdir()}


def test_what_is_put_is_there_after_reopening(opened: Callable[[], Quarantine]) -> None:
    assert list(opened().names()) == []
    name = opened().put(ORIGINAL, ISSUES)
    again = opened()
    assert list(again.names()) == [name]
    assert again.original(name) == ORIGINAL
    assert json.loads(again.outcome(name))["issue"] == [
        {
            "severity": "error",
            "code": "code-invalid",
            "details": {"coding": [{"system": "urn:xinglin:intake:rule", "code": "value.code"}]},
            "diagnostics": "The code is not in the value set that is required here.",
            "expression": ["Patient.gender"],
        }
    ]
    assert list(again.damaged()) == []


def test_nothing_of_the_content_is_readable(opened: Callable[[], Quarantine], home: Path) -> None:
    quarantine = opened()
    reading = read_bundle(collection(but(PATIENT, 吴连德="Wu", gender="Wu")), FhirkitValidator())
    for one in reading.rejected:
        quarantine.put(one.original, one.issues)
    assert len(files(home)) == 1
    for name, data in files(home).items():
        for content in ("吴连德".encode(), b"Wu", b"1970-02-28"):
            assert content not in data
            assert content not in name.encode()


def test_the_same_bytes_are_kept_once_with_the_latest_findings(opened: Callable[[], Quarantine], home: Path) -> None:
    quarantine = opened()
    name = quarantine.put(ORIGINAL, ISSUES)
    before = files(home)
    assert quarantine.put(ORIGINAL, ISSUES) == name
    assert files(home) == before, "not even sealed anew"
    later = [finding("resource.type", "Resource")]
    assert opened().put(ORIGINAL, later) == name
    assert quarantine.outcome(name) == operation_outcome(later)
    assert quarantine.put(ORIGINAL + b" ", ISSUES) != name
    assert len(list(quarantine.names())) == 2


def test_a_name_tells_nothing_without_the_key(tmp_path: Path) -> None:
    names = set()
    for folder in ("a", "b"):
        storage = StorageHome(tmp_path / folder).create()
        keys = storage.keyring.keys
        quarantine = Quarantine(
            tmp_path / folder, keys.sealer("quarantine"), lambda data, k=keys: k.lookups([(data,)])[0]
        )
        names.add(quarantine.put(ORIGINAL, ISSUES))
        storage.close()
    assert len(names) == 2


def test_every_changed_byte_is_found(opened: Callable[[], Quarantine], home: Path) -> None:
    quarantine = opened()
    name = quarantine.put(ORIGINAL, ISSUES)
    path = home / "quarantine" / f"{name}.sealed"
    sealed = path.read_bytes()
    for position in range(len(sealed)):
        path.write_bytes(sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :])
        for read in (quarantine.original, quarantine.outcome):
            with pytest.raises(QuarantineDamaged):
                read(name)
    path.write_bytes(sealed[:-1])
    assert [type(fault) for fault in quarantine.damaged()] == [QuarantineDamaged]
    quarantine.put(ORIGINAL, ISSUES)
    assert quarantine.original(name) == ORIGINAL, "putting it again repairs it"


def test_an_item_under_another_name_does_not_open(opened: Callable[[], Quarantine], home: Path) -> None:
    quarantine = opened()
    name, other = quarantine.put(ORIGINAL, ISSUES), quarantine.put(ORIGINAL + b" ", ISSUES)
    folder = home / "quarantine"
    (folder / f"{name}.sealed").write_bytes((folder / f"{other}.sealed").read_bytes())
    with pytest.raises(QuarantineDamaged):
        quarantine.original(name)


def test_what_a_crash_left_is_no_item(opened: Callable[[], Quarantine], home: Path) -> None:
    quarantine = opened()
    name = quarantine.put(ORIGINAL, ISSUES)
    whole = home / "quarantine" / f"{name}.sealed"
    whole.rename(whole.with_name(f".{whole.name}.1.tmp"))
    assert list(quarantine.names()) == []
    assert list(quarantine.damaged()) == []
    assert quarantine.put(ORIGINAL, ISSUES) == name
    assert list(quarantine.names()) == [name]


def test_what_is_not_there(opened: Callable[[], Quarantine]) -> None:
    for read in (opened().original, opened().outcome):
        with pytest.raises(QuarantineMissing):
            read("a" * 26)


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "quarantine").write_bytes(b"a file where the folder should be")
    storage = StorageHome(tmp_path / "home").create()
    quarantine = Quarantine(tmp_path / "quarantine", storage.keyring.keys.sealer("q"), lambda _: bytes(16))
    storage.close()
    with pytest.raises(PlatformError) as caught:
        quarantine.put(ORIGINAL, ISSUES)
    assert caught.value.code in (StorageUnwritable.code, "storage.exists")


def test_only_the_owner_may_read(opened: Callable[[], Quarantine], home: Path) -> None:
    name = opened().put(ORIGINAL, ISSUES)
    folder = home / "quarantine"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / f"{name}.sealed").stat().st_mode & 0o077 == 0


def test_an_outcome_is_valid_fhir() -> None:
    broken = but(PATIENT, gender="f", x=1, birthDate="1971-02-29", meta={"lastUpdated": "now"})
    issues = read_bundle(collection(*EPISODE[:2], broken), FhirkitValidator()).rejected[0].issues
    for found in (issues, [refusal_issue(BundleEmpty())]):
        assert fhirkit.validate(operation_outcome(found)) == []
        wrapped = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":%s}]}' % operation_outcome(found)
        assert read_bundle(wrapped, FhirkitValidator()).rejected == ()
