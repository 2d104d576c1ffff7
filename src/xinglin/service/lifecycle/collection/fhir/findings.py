"""What can be wrong with one entry of a bundle: each rule once, with its severity and FHIR issue type.

A finding never carries content: its expression is made of the standard's own element names, its text of sentences
written here. So findings can be logged, shown and kept beside sealed originals. Numbered list: docs/spec/intake.md.
"""

from __future__ import annotations

import msgspec


class Issue(msgspec.Struct, frozen=True, gc=False):
    """One finding, with the fields of an OperationOutcome's issue (FHIR R4, OperationOutcome).

    Attributes:
        rule: stable name of the rule that was broken, a key of ``FINDINGS``.
        severity: ``error`` (the entry goes to quarantine) or ``warning``.
        code: value of FHIR's IssueType value set.
        expression: where, as a FHIRPath of element names from the resource or from the Bundle's entry.
        diagnostics: English sentence without any content of the resource.
    """

    rule: str
    severity: str
    code: str
    expression: str
    diagnostics: str


ERROR, WARNING = "error", "warning"

FINDINGS: dict[str, tuple[str, str, str]] = {
    # rule: (severity, FHIR IssueType, sentence)
    "json.malformed": (ERROR, "structure", "The resource is not valid JSON."),
    "json.nesting": (ERROR, "too-costly", "The resource nests its values too deeply."),
    "json.size": (ERROR, "too-long", "The resource has too many bytes."),
    "entry.resource": (ERROR, "required", "The entry brings no resource."),
    "entry.full_url": (ERROR, "value", "The fullUrl is not an absolute address without version."),
    "entry.request": (ERROR, "required", "An entry of a transaction or batch needs a request."),
    "entry.method": (ERROR, "not-supported", "Only entries that bring a resource (POST, PUT) are taken in."),
    "entry.duplicate": (ERROR, "duplicate", "Another resource of this type has the same identifier in the bundle."),
    "resource.type": (ERROR, "structure", "There is no resource of this type in FHIR R4."),
    "resource.id": (ERROR, "value", "The id has other than 1 to 64 letters, digits, dots and hyphens."),
    "element.unknown": (ERROR, "structure", "The element is not defined here."),
    "element.required": (ERROR, "required", "A required element is missing."),
    "element.repeated": (ERROR, "structure", "The same key appears more than once."),
    "element.choice": (ERROR, "structure", "Only one type of this element may be given."),
    "element.empty": (ERROR, "structure", "The element is there but empty."),
    "element.form": (ERROR, "structure", "The element has another form than FHIR defines."),
    "value.form": (ERROR, "value", "The value does not have the form of its type."),
    "value.date": (ERROR, "value", "There is no such day in the calendar."),
    "value.characters": (ERROR, "value", "The text has control characters, which FHIR strings never hold."),
    "value.code": (ERROR, "code-invalid", "The code is not in the value set that is required here."),
    "narrative.form": (ERROR, "value", "The narrative is no well-formed XHTML; it may use XML's own entities only."),
    "narrative.active": (ERROR, "security", "The narrative holds markup that runs or loads something."),
    "reference.form": (ERROR, "value", "The reference is neither a URL, an address in this server nor a fragment."),
    "reference.type": (ERROR, "value", "The reference leads to a resource of a type that is not allowed here."),
    "reference.outside": (WARNING, "value", "The reference leads out of the bundle, to a type not allowed here."),
    "reference.contained": (ERROR, "not-found", "No contained resource has this id."),
    "reference.missing": (ERROR, "not-found", "The bundle has no entry with this fullUrl, and has to."),
    "reference.unresolved": (WARNING, "not-found", "The bundle has no entry with this fullUrl."),
    "validator.other": (ERROR, "invalid", "The validator refuses the element."),
    "validator.warning": (WARNING, "informational", "The validator warns of the element."),
}


def finding(rule: str, expression: str) -> Issue:
    """Return the issue that says which rule is broken where.

    Args:
        rule: a key of ``FINDINGS``.
        expression: element names of the standard and positions only, such as ``Patient.name[0].use``.
    """
    severity, code, diagnostics = FINDINGS[rule]
    return Issue(rule, severity, code, expression, diagnostics)


def is_refused(issues: tuple[Issue, ...] | list[Issue]) -> bool:
    """Return whether any of the findings is an error."""
    return bool(issues) and any(issue.severity == ERROR for issue in issues)
