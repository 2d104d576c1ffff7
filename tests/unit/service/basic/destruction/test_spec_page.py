"""The page destruction.md says what the code says: table, classes, certificate, state values, settings."""

from __future__ import annotations

import re

import msgspec

from tests.conftest import REPOSITORY
from xinglin.service.basic.destruction.model import (
    BegunShredding,
    Certificate,
    HeldRecord,
    HoldState,
    Restriction,
    Stay,
)
from xinglin.service.basic.destruction.rules import CLASSES, TABLE
from xinglin.settings import StorageSettings

PAGE = (REPOSITORY / "docs" / "spec" / "destruction.md").read_text(encoding="utf-8")
STAYS = {"inpatient": Stay.INPATIENT, "outpatient and emergency": Stay.OUTPATIENT}


def test_the_retention_table() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) years \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert [(STAYS[stay], int(years), source) for stay, years, source in rows] == [
        (term.stay, term.years, term.source) for term in TABLE
    ]


def test_the_classes() -> None:
    inpatient, outpatient = re.findall(r"(?:class: |; )([A-Z, \n]+) (?:are\s+inpatient|outpatient)", PAGE)
    said = dict.fromkeys(re.findall(r"[A-Z]+", inpatient), Stay.INPATIENT)
    said |= dict.fromkeys(re.findall(r"[A-Z]+", outpatient), Stay.OUTPATIENT)
    assert said == dict(CLASSES)


def test_the_fields_of_a_certificate() -> None:
    section = PAGE.partition("A **certificate** is")[2].partition("A **place** is")[0]
    fields = [field.name for field in msgspec.structs.fields(Certificate)]
    assert re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:] == fields[2:]
    assert f"`storage.{next(name for name in StorageSettings.model_fields if 'backup' in name)}`" in section


def test_the_state_values() -> None:
    for kind in (HoldState, HeldRecord, Restriction, BegunShredding):
        fields = msgspec.structs.fields(kind)
        listed = re.search(rf'`\["{fields[0].default}", 1, ([^\]]+)\]`', PAGE)
        assert listed is not None
        assert [one.strip("? ") for one in listed[1].split(",")] == [field.name for field in fields[2:]]
