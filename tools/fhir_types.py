"""Write the table of all R4 elements with their types, by which de-identification knows what each value is.

The folder given holds HL7's R4 (4.0.1) definition files profiles-types.json and profiles-resources.json (licence CC0).
The table is committed; this script makes it again when the standard changes. It never runs as part of the product.

    python -m tools.fhir_types FOLDER src/xinglin/service/lifecycle/processing/deidentification/r4_types.tsv
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.fhir_elements import structures_of
from xinglin.service.lifecycle.collection.fhir.elements import definitions

Json = dict[str, Any]
HEADER = """\
# Elements of HL7 FHIR R4 (4.0.1) with their types, made by tools/fhir_types.py from HL7's definition files (CC0).
# Columns: a type, or an element with elements of its own; each of its elements as name:type, or name:path of such an
# element. Left out: extension, modifierExtension, contained, the id that every element may have; resources that define
# (those with a publisher), which are about nobody.
"""
LEFT_OUT = frozenset({"extension", "modifierExtension", "contained", "id"})
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
META = frozenset({"versionId", "lastUpdated", "source", "profile", "security", "tag"})
"""The elements of Meta, where copies of the definition files often carry additions of a server."""
VERSION = "4.0.1"
STRUCTURAL = frozenset({"BackboneElement", "Element"})


def _elements(structure: Json) -> Iterator[tuple[str, str, str]]:
    """Yield (parent, JSON name, type) of each element of a type."""
    for element in structure["snapshot"]["element"][1:]:
        parent, name = element["path"].rsplit(".", 1)
        if name in LEFT_OUT or (parent == "Meta" and name not in META):
            continue
        if "contentReference" in element and name in definitions().names:
            yield parent, name, element["contentReference"].partition("#")[2]
        for kind in element.get("type", ()):
            code = kind["code"]
            if code.startswith(SYSTEM_TYPE):  # the url of an extension, the value of a primitive
                code = "uri"
            shown = name.replace("[x]", code[0].upper() + code[1:])
            if shown in definitions().names:  # so additions of a server or of a later version stay out
                yield parent, shown, element["path"] if code in STRUCTURAL else code


def _is_left_out(structure: Json) -> bool:
    """Return whether a structure is primitive, abstract, of another version, or a resource that defines."""
    if structure["kind"] == "primitive-type" or structure["abstract"] or structure["fhirVersion"] != VERSION:
        return True
    elements = {element["path"].partition(".")[2] for element in structure["snapshot"]["element"]}
    return structure["type"] == "MetadataResource" or {"publisher", "status"} <= elements


def main(arguments: list[str]) -> int:
    """Write the table.

    Args:
        arguments: folder of the definition files, path of the table.
    Returns: exit status.
    """
    found: dict[str, dict[str, str]] = {}
    for structure in structures_of(Path(arguments[0])):
        if _is_left_out(structure):
            continue
        for parent, name, kind in _elements(structure):
            found.setdefault(parent, {})[name] = kind
    lines = [f"{path}\t{' '.join(f'{n}:{t}' for n, t in sorted(rows.items()))}" for path, rows in sorted(found.items())]
    target = Path(arguments[1])
    target.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} types, {sum(map(len, found.values()))} elements, {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
