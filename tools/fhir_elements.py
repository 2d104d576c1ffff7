"""Write the table of R4 elements that the FHIR intake checks, from HL7's own definition files.

The folder given holds the R4 (4.0.1) download of the specification: profiles-types.json,
profiles-resources.json, valuesets.json, v3-codesystems.json, v2-tables.json (licence CC0). The table is
committed; this script makes it again when the standard or the rows that we take change. It never runs as part
of the product.

    python -m tools.fhir_elements FOLDER src/xinglin/service/lifecycle/collection/fhir/r4_elements.tsv
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
HEADER = """\
# Elements of HL7 FHIR R4 (4.0.1) that the intake checks, made by tools/fhir_elements.py from HL7's definition files
# (CC0). Columns: path, what it is (type: see that path; reference: to one of these types, * for any; code, concept:
# of that value set, required; date; markup). Below: each value set with its codes; all names of elements.
"""
CODED = {"code": "code", "CodeableConcept": "concept", "Coding": "concept"}
DATES = frozenset({"date", "dateTime", "instant"})
ANY_TARGET = frozenset({"Resource", "Any"})


class ValueSets:
    """Value sets of the specification as far as they can be listed without a terminology service."""

    def __init__(self, resources: Iterable[Json]) -> None:
        listed = [r for r in resources if r["resourceType"] in ("ValueSet", "CodeSystem")]
        self._sets = {r["url"]: r for r in listed if r["resourceType"] == "ValueSet"}
        self._systems = {
            r["url"]: r for r in listed if r["resourceType"] == "CodeSystem" and r.get("content") == "complete"
        }

    def codes(self, canonical: str) -> frozenset[tuple[str, str]] | None:
        """Return the (system, code) pairs of a value set, None where it can't be listed."""
        value_set = self._sets.get(canonical.partition("|")[0])
        if value_set is None or "compose" not in value_set:
            return None
        included: set[tuple[str, str]] = set()
        for part in value_set["compose"]["include"]:
            codes = self._part(part)
            if codes is None:
                return None
            included |= codes
        for part in value_set["compose"].get("exclude", ()):
            included -= self._part(part) or set()
        return frozenset(included) or None

    def _part(self, part: Json) -> set[tuple[str, str]] | None:
        """Return what one include or exclude names, None where it takes a filter or an unlisted system."""
        if "filter" in part:
            return None
        found: set[tuple[str, str]] | None = None
        if "system" in part:
            found = self._system(part)
        for canonical in part.get("valueSet", ()):
            other = self.codes(canonical)
            if other is None:
                return None
            found = set(other) if found is None else found & other
        return found

    def _system(self, part: Json) -> set[tuple[str, str]] | None:
        system = part["system"]
        if "concept" in part:
            return {(system, concept["code"]) for concept in part["concept"]}
        if system not in self._systems:
            return None
        return {(system, code) for code in _all_codes(self._systems[system].get("concept", ()))}


def _all_codes(concepts: Iterable[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _all_codes(concept.get("concept", ()))


def structures_of(folder: Path) -> list[Json]:
    """Return the definitions of the types and resources themselves, without profiles on them."""
    return [
        resource
        for name in ("profiles-types.json", "profiles-resources.json")
        for resource in _resources(folder / name)
        if resource["resourceType"] == "StructureDefinition" and resource.get("derivation") != "constraint"
    ]


def _resources(path: Path) -> list[Json]:
    return [entry["resource"] for entry in json.loads(path.read_bytes())["entry"]]


def _rows(structures: Iterable[Json], value_sets: ValueSets) -> tuple[list[tuple[str, str, str]], dict[str, list[str]]]:
    """Return (path, kind, argument) of each element that says something, and the codes of each value set named."""
    rows: list[tuple[str, str, str]] = []
    named: dict[str, list[str]] = {}
    for structure in structures:
        for element in structure["snapshot"]["element"][1:]:
            if element["path"].split(".")[-1] in ("extension", "modifierExtension", "contained", "id"):
                continue
            rows.extend(_element_rows(element, value_sets, named))
    return rows, named


def _element_rows(element: Json, value_sets: ValueSets, named: dict[str, list[str]]) -> Iterator[tuple[str, str, str]]:
    path: str = element["path"]
    if "contentReference" in element:
        yield path, "type", element["contentReference"].lstrip("#")
        return
    for kind in element.get("type", ()):
        code = kind["code"]
        name = path.replace("[x]", code[0].upper() + code[1:])
        if code == "Reference":
            targets = {target.rsplit("/", 1)[-1] for target in kind.get("targetProfile", ())}
            yield name, "reference", "*" if not targets or targets & ANY_TARGET else "|".join(sorted(targets))
        elif code in DATES:
            yield name, "date", code
        elif code == "xhtml":
            yield name, "markup", code
        elif code in ("BackboneElement", "Element"):
            yield name, "type", path
        elif code[0].isupper() and code not in ANY_TARGET:  # a resource says its type itself
            yield name, "type", code
        binding = element.get("binding", {})
        if code in CODED and binding.get("strength") == "required":
            codes = value_sets.codes(binding.get("valueSet", ""))
            if codes:
                short = binding["valueSet"].split("|")[0].rsplit("/", 1)[-1]
                # A code carries no system, a concept does: the same value set may be listed both ways.
                label = f"{short}#{CODED[code]}"
                named[label] = sorted(c if code == "code" else f"{s} {c}" for s, c in codes)
                yield name, CODED[code], label


def _worth_keeping(rows: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Drop the rows that lead to nothing that is checked."""
    checked = {path.rsplit(".", 1)[0] for path, kind, _ in rows if kind != "type"}
    while True:
        leading = {path.rsplit(".", 1)[0] for path, kind, target in rows if kind == "type" and target in checked}
        if leading <= checked:
            break
        checked |= leading
    return [row for row in rows if row[1] != "type" or row[2] in checked]


def _names(structures: Iterable[Json]) -> list[str]:
    """Return every name that an element can have in JSON, and every type's name."""
    names = set()
    for structure in structures:
        names.add(structure["type"])
        for element in structure["snapshot"]["element"][1:]:
            last = element["path"].split(".")[-1]
            kinds = [kind["code"] for kind in element.get("type", ())]
            names |= {last.replace("[x]", kind[0].upper() + kind[1:]) for kind in kinds} if "[x]" in last else {last}
    return sorted(names)


def main(arguments: list[str]) -> int:
    """Write the table.

    Args:
        arguments: folder of the definition files, path of the table.
    Returns: exit status.
    """
    folder, target = Path(arguments[0]), Path(arguments[1])
    tables = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")
    value_sets = ValueSets(resource for name in tables for resource in _resources(folder / name))
    structures = structures_of(folder)
    rows, named = _rows(structures, value_sets)
    kept = sorted(set(_worth_keeping(rows)))
    used = {label for _, kind, label in kept if kind in ("code", "concept")}
    lines = ["\t".join(row) for row in kept]
    lines += [f"{label}\tvalueset\t{'|'.join(named[label])}" for label in sorted(used)]
    lines.append(f"names\tnames\t{'|'.join(_names(structures))}")
    target.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(kept)} elements, {len(used)} value sets, {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
