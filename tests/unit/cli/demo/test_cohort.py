"""The invented cohort: the same bytes for the same seed, valid throughout, several patients at both hospitals."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from xinglin.cli.demo.cohort import SEED, CohortUnavailable, write_cohort
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading
from xinglin.service.lifecycle.collection.fhir.providers import split
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file

PATIENTS = 16


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_cohort(tmp_path_factory.mktemp("cohort"), PATIENTS)


@pytest.fixture(scope="module")
def readings(cohort: list[Path]) -> list[BundleReading]:
    return [read_bundle_file(path, FhirkitValidator()) for path in cohort]


def test_each_patient_has_a_file_and_every_resource_is_valid(readings: list[BundleReading]) -> None:
    assert len(readings) == PATIENTS
    for reading in readings:
        assert (reading.rejected, reading.repeated) == ((), ())
        assert sum(one.resource_type == "Patient" for one in reading.accepted) == 1
        assert {issue.rule for one in reading.accepted for issue in one.issues} == set()
    assert sum(reading.entries for reading in readings) > 60 * PATIENTS


def test_the_histories_go_over_decades(readings: list[BundleReading]) -> None:
    for reading in readings:
        years = [
            datetime.fromtimestamp(one.occurred_at_ms / 1000, UTC).year
            for one in reading.accepted
            if one.occurred_at_ms is not None
        ]
        assert max(years) - min(years) >= 25


def test_every_resource_has_its_organisation_and_several_patients_were_at_both(readings: list[BundleReading]) -> None:
    for reading in readings:
        assert {one.resource_type for one in reading.accepted if not one.organisation} == {"Patient"}
    shared = split([reading.accepted for reading in readings], ("A", "B"))
    assert len(shared.visitors) >= 2
    assert set(shared.organisations.values()) == {"A", "B"}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(cohort: list[Path], tmp_path: Path) -> None:
    for folder, seed in (("same", SEED), ("other", SEED + 1)):
        (tmp_path / folder).mkdir()
        again = write_cohort(tmp_path / folder, 2, seed)
        equal = [one.read_bytes() == two.read_bytes() for one, two in zip(again, cohort, strict=False)]
        assert equal == [seed == SEED] * 2


def test_without_the_package_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "carebundle", None)
    with pytest.raises(CohortUnavailable):
        write_cohort(tmp_path)
    assert list(tmp_path.iterdir()) == []
