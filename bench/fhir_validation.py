"""Measures what the FHIR intake finds against files that HL7's own validator has judged.

    python -m bench.fhir_validation FOLDER

FOLDER holds hl7_valid, hl7_invalid and hl7_labels.tsv (fhir-test-cases, judged by the Java validator). A file that is
no Bundle is put into one as it is. The figures stand in docs/guide/what-validation-finds.md; a test pins them.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

BUNDLE = re.compile(rb'"resourceType"\s*:\s*"Bundle"')
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Judged:
    """One labelled file.

    Attributes:
        name: of the file.
        valid: HL7's validator found no error.
        needs_more: it used a profile or other files that we don't have.
        rules: what our intake found, errors only; a refusal of the whole file counts by its code.
    """

    name: str
    valid: bool
    needs_more: bool
    rules: tuple[str, ...]


def rules_broken(data: bytes, validator: FhirkitValidator) -> tuple[str, ...]:
    """Return the rules that a bundle or a single resource breaks."""
    text = data.removeprefix(BYTE_ORDER_MARK)
    if not BUNDLE.search(text[:2000]):
        text = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + text + b"}]}"
    try:
        reading = read_bundle(text, validator)
    except PlatformError as refusal:
        return (refusal.code,)
    return tuple(issue.rule for entry in reading.rejected for issue in entry.issues if issue.severity == "error")


def measure(folder: Path) -> list[Judged]:
    """Judge every labelled JSON file of a folder."""
    validator = FhirkitValidator()
    with (folder / "hl7_labels.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Judged(
            row["file"],
            row["folder"] == "hl7_valid",
            row["needs_profile_or_supporting"] == "yes",
            rules_broken((folder / row["folder"] / row["file"]).read_bytes(), validator),
        )
        for row in rows
        if row["file"].endswith(".json")
    ]


def main(arguments: list[str]) -> int:
    """Print what is found, what is missed and what is refused wrongly."""
    judged = measure(Path(arguments[0]))
    counts = Counter((one.valid, one.needs_more, bool(one.rules)) for one in judged)
    print("judged by HL7 | needs profile | files | refused here")
    for valid in (True, False):
        for needs_more in (False, True):
            refused, passed = counts[valid, needs_more, True], counts[valid, needs_more, False]
            print(
                f"{'valid' if valid else 'invalid'} | {'yes' if needs_more else 'no'} | {refused + passed} | {refused}"
            )
    for one in judged:
        if one.valid and one.rules:
            print(f"refused wrongly: {one.name}: {', '.join(one.rules)}")
        elif not one.valid:
            print(f"{'found' if one.rules else 'missed'}: {one.name}: {', '.join(sorted(set(one.rules)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
