"""Labelled registrations from files, for judging the patient index: FEBRL's tables and others like them, FHIR Patients.

A table is CSV with a header whose columns go by their usual names (see ``_COLUMNS``); ``rec-7-org`` and
``rec-7-dup-0`` are one person, otherwise a column says who is. Files that differ by a last letter (``dataset4a``,
``dataset4b``) are one set. A folder of single FHIR Patients is a set about one person, as OpenCR's demonstration is.
Nothing here knows how to match.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from xinglin.cli.bench.people import Person
from xinglin.kernel.errors import NotFound
from xinglin.service.basic.patient_index.errors import NotAPatient
from xinglin.service.basic.patient_index.fhir import traits_of_patient
from xinglin.service.basic.patient_index.model import Address, Identifier, IdentifierKind, Name, Sex, Traits

_COLUMNS: Final = {
    "record": ("rec_id", "record_id", "unique_id", "id"),
    "truth": ("cluster", "cluster_id", "entity_id", "person_id", "true_id"),
    "given": ("given_name", "first_name", "forename"),
    "family": ("surname", "last_name", "family_name"),
    "name": ("name", "full_name"),
    "birth": ("date_of_birth", "dob", "birth_date", "birthdate"),
    "sex": ("sex", "gender"),
    "phone": ("phone_number", "phone", "telephone", "mobile"),
    "number": ("street_number", "house_number"),
    "line": ("address_1", "street", "address", "street_address"),
    "line2": ("address_2",),
    "city": ("suburb", "city", "town"),
    "state": ("state", "province"),
    "postcode": ("postcode", "zip", "zip_code", "postal_code"),
    "national": ("soc_sec_id", "ssn", "national_id", "id_card"),
}
_OF_FEBRL = re.compile(r"(rec-\d+)-")
_DATE = re.compile(r"(\d{4})\D?(\d{2})\D?(\d{2})\Z")
_MALE, _FEMALE = ("m", "male", "男"), ("f", "female", "女")
_SEXES: Final = {**dict.fromkeys(_MALE, Sex.MALE), **dict.fromkeys(_FEMALE, Sex.FEMALE)}


class NothingLabelled(NotFound):
    """A folder that should hold labelled registrations holds none that can be read."""

    code, number, clause = "bench.nothing_labelled", 6155, "H1"
    en = "There are no labelled registrations below {folder}."
    zh = "{folder} 下没有带标注的登记数据。"
    hint_en = "docs/spec/patient-index.md says which files are read; without --data people are made up."
    hint_zh = "可读取的文件见 docs/spec/patient-index.md；不指定 --data 时使用虚构人员。"


def labelled_sets(folder: Path) -> dict[str, list[Person]]:
    """Return the registrations of each set below a folder, in the files' order, by the set's name.

    Raises:
        NothingLabelled: there is none; files of other kinds are passed over.
    """
    found: dict[str, list[Person]] = {}
    for path in sorted(folder.rglob("*.csv")):
        name = re.sub(r"(?<=\d)[ab]\Z", "", path.relative_to(folder).with_suffix("").as_posix())
        with suppress(OSError, ValueError, csv.Error):
            found.setdefault(name, []).extend(_table(path))
    for path in sorted(folder.rglob("*.json")):
        with suppress(OSError, ValueError, RecursionError, NotAPatient):
            traits = traits_of_patient(json.loads(path.read_text(encoding="utf-8")), path.stem)
            found.setdefault(path.parent.name, []).append(Person(0, path.stem.encode(), b"", traits))
    numbered = {name: _numbered(registrations) for name, registrations in found.items() if registrations}
    if not numbered:
        raise NothingLabelled(folder=str(folder))
    return numbered


def without_national(person: Person) -> Person:
    """Return a registration without the numbers that a state gives persons."""
    kept = tuple(one for one in person.traits.identifiers if one.kind not in _NATIONAL)
    traits = person.traits
    bare = Traits(kept, traits.names, traits.birth, traits.sex, traits.phones, traits.addresses, traits.mother)
    return Person(person.number, person.source, person.subject, bare)


_NATIONAL: Final = frozenset((IdentifierKind.NATIONAL, IdentifierKind.ID_CARD, IdentifierKind.TAIWAN_ID))


def _numbered(registrations: list[Person]) -> list[Person]:
    """Give each registration a logical id of its own within its set."""
    return [Person(one.number, one.source, b"%d" % place, one.traits) for place, one in enumerate(registrations)]


def _table(path: Path) -> Iterator[Person]:
    numbers: dict[str, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            cells = {str(key).strip().lower(): (value or "").strip() for key, value in row.items()}
            person = _person(cells)
            if person:
                # Sets that link two files number a person alike in both.
                digits = re.sub(r"\D", "", person)
                number = (
                    int(digits)
                    if _OF_FEBRL.match(f"{person}-") and digits
                    else numbers.setdefault(person, len(numbers))
                )
                yield Person(number, path.stem.encode(), b"", _traits(cells))


def _person(cells: Mapping[str, str]) -> str:
    stated = _cell(cells, "truth")
    found = _OF_FEBRL.match(_cell(cells, "record"))
    return stated or (found[1] if found else "")


def _cell(cells: Mapping[str, str], what: str) -> str:
    return next((cells[name] for name in _COLUMNS[what] if cells.get(name)), "")


def _traits(cells: Mapping[str, str]) -> Traits:
    def cell(what: str) -> str:
        return _cell(cells, what)

    national, phone, date = cell("national"), cell("phone"), _DATE.match(cell("birth"))
    lines = [f"{cell('number')} {cell('line')}".strip(), cell("line2")]
    identifiers: tuple[Any, ...] = (Identifier(IdentifierKind.NATIONAL, national, "urn:bench:national"),)
    return Traits(
        identifiers=identifiers if national else (),
        names=(Name(cell("family"), cell("given"), cell("name")),),
        birth=int("".join(date.groups())) if date else 0,
        sex=_SEXES.get(cell("sex").lower(), Sex.UNKNOWN),
        phones=(phone,) if phone else (),
        addresses=(Address("\n".join(filter(None, lines)), "", cell("city"), cell("state"), cell("postcode")),),
    )
