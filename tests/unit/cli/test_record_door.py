"""``xinglin record intake`` says what the door had no need of, ``record door`` what it needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.product import opened_archive, xinglin
from tests.unit.service.lifecycle.collection.test_doors import LOG, PATIENT, SECRET, STAFF, collection


@pytest.mark.requirement(
    "S8.3b", part="the door for FHIR bundles; forms come with the portal", command="xinglin record intake"
)
def test_intake_tells_names_and_numbers_and_stores_nothing_of_it(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes(collection(PATIENT, STAFF, LOG))
    said = xinglin("record", "intake", "--home", copy, tmp_path / "bundle.json", "--json")
    assert (said.json["accepted"], said.json["quarantined"]) == (2, 0)
    assert said.json["not_collected"] == {
        "AuditEvent": 1,
        "Patient.photo": 1,
        "Practitioner.address": 1,
        "Practitioner.birthDate": 1,
        "Practitioner.photo": 1,
    }
    records = xinglin("record", "list", "--home", copy, "--json").json["records"][:2]
    with opened_archive(copy) as archive:
        read = {row["type"]: archive.vault.read(row["record"]) for row in records}
    assert sorted(json.loads(read["Patient"])) == ["birthDate", "extension", "id", "resourceType"]
    assert sorted(json.loads(read["Practitioner"])) == ["id", "name", "resourceType"]
    assert SECRET not in said.out.decode() + said.err
    again = xinglin("record", "intake", "--home", copy, tmp_path / "bundle.json")
    assert "already there 2, in quarantine 0" in again.out.decode()
    assert "has no need of it: AuditEvent 1, Patient.photo 1, Practitioner.address 1" in again.out.decode()


def test_a_homes_own_rows_hold_and_are_shown(copy: Path, tmp_path: Path) -> None:
    (copy / "rules").mkdir(exist_ok=True)
    (copy / "rules" / "doors.tsv").write_text("ours.log\tAuditEvent\t*\tsupervision\nfhir.place\t-\t*\tnot here\n")
    rows = {row["row"]: row for row in xinglin("record", "door", "--home", copy, "--json").json["rows"]}
    assert rows["ours.log"] == {"row": "ours.log", "types": ["AuditEvent"], "elements": "all", "purpose": "supervision"}
    assert rows["fhir.place"]["types"] == []
    assert (
        "fhir.staff (who did it, and by which licence): Practitioner; of it identifier"
        in xinglin("record", "door", "--home", copy).out.decode()
    )
    (tmp_path / "bundle.json").write_bytes(collection(LOG, '{"resourceType":"Location","id":"x"}'))
    said = xinglin("record", "intake", "--home", copy, tmp_path / "bundle.json", "--json")
    assert (said.json["accepted"], said.json["not_collected"]) == (1, {"Location": 1})
    (copy / "rules" / "doors.tsv").write_text("nonsense")
    refused = xinglin("record", "intake", "--home", copy, tmp_path / "bundle.json")
    assert refused.code == "rules.malformed"
    assert xinglin("record", "door", "--home", tmp_path).code == "home.not_found"
