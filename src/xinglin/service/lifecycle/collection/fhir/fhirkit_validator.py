"""The validator port through fhirkit-rs (Rust, MIT or Apache-2.0; docs/adr/0005-fhir-validation.md).

It judges structure, cardinality and the form of values by R4's definitions. Its messages quote what they found, so
none of them is passed on: each is mapped to a finding of ours, and element names that R4 lacks are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import fhirkit

from xinglin.service.lifecycle.collection.fhir.elements import definitions
from xinglin.service.lifecycle.collection.fhir.findings import Issue, finding

# Ends and beginnings of fhirkit's messages (0.1) and the finding that each stands for; the first that fits counts.
MESSAGES: Final = tuple(
    (re.compile(pattern, re.DOTALL), rule)
    for pattern, rule in (
        (r"required element missing\Z", "element.required"),
        (r"the key appears more than once\Z", "element.repeated"),
        (r"unknown element\Z", "element.unknown"),
        (r"only one type may be given, ", "element.choice"),
        (r"a resource needs a resourceType\Z", "resource.type"),
        (r".* is not a FHIR R4 resource type this build knows\Z", "resource.type"),
        (r"an empty .*is not allowed", "element.empty"),
        (r"null with no extension in its place\Z", "element.empty"),
        (r"null is not allowed", "element.form"),
        (r"has \d+ entries but ", "element.form"),
        (r"expected ", "element.form"),
        (r".* is not (?:a|an) (?:valid|FHIR|JSON|positiveInt|unsignedInt)\b", "value.form"),
    )
)
SEGMENT: Final = re.compile(r"(_?[A-Za-z][A-Za-z0-9]*)(?:\[x\])?(?:\[\d+\])?")


class FhirkitValidator:
    """Validates in batches on one thread that does not hold the interpreter's lock."""

    def validate(self, resources: Sequence[bytes]) -> list[list[Issue]]:
        """Return the findings on each resource (``ports.Validator``).

        Args:
            resources: JSON texts in UTF-8, possibly malformed.
        """
        try:
            read = fhirkit.parse_many(list(resources), threads=1)
        except (fhirkit.ParseError, fhirkit.ValidationError):  # one can't be read at all: then each is read alone
            return [_judge_one(resource) for resource in resources]
        return [_findings(resource.issues) for resource in read]


def _judge_one(resource: bytes) -> list[Issue]:
    try:
        return _findings(fhirkit.validate(resource))
    except fhirkit.ParseError as error:
        return [finding("json.nesting" if "nested" in str(error) else "json.malformed", "Resource")]


def _findings(issues: list[fhirkit.Issue]) -> list[Issue]:
    return [_finding(issue) for issue in issues] if issues else []


def _finding(issue: fhirkit.Issue) -> Issue:
    if issue.severity != "error":
        return finding("validator.warning", _expression(issue.path))
    for pattern, rule in MESSAGES:
        if pattern.match(issue.message):
            return finding(rule, _expression(issue.path))
    return finding("validator.other", _expression(issue.path))


def _expression(path: str) -> str:
    """Return the path up to the first name that is not R4's: an unknown key can be anything, also a person's name."""
    known: list[str] = []
    for segment in path.split("."):
        match = SEGMENT.fullmatch(segment)
        if match is None or match[1].removeprefix("_") not in definitions().names:
            break
        known.append(segment)
    return ".".join(known) or "Resource"
