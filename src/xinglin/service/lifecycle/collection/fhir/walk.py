"""One walk over a decoded resource: nesting, empty elements, codes, calendar days, identifiers; collects references.

What the walk finds depends on the resource alone; whether references lead anywhere is decided by ``references.py``
when the whole bundle is known. Paths keep to names of the standard, so a finding never shows content.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, Final

from xinglin.service.lifecycle.collection.fhir import narrative
from xinglin.service.lifecycle.collection.fhir.elements import PLAIN, Element, definitions
from xinglin.service.lifecycle.collection.fhir.findings import Issue, finding

Path = tuple[Any, ...]  # (path above, name, index or -1); () at the root
RESOURCE_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
CONTROL_ESCAPE: Final = re.compile(rb"\\(?:[bf]|u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]))")


class Found:
    """What a walk over one resource gave.

    Attributes:
        root: name of the type walked over, the first part of expressions.
        issues: findings so far.
        references: (path, Reference.reference, allowed types; empty for any, Reference.type) in order of the text.
        contained: types of contained resources by their ids.
    """

    __slots__ = ("contained", "issues", "references", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self.issues: list[Issue] = []
        self.references: list[tuple[Path, str, frozenset[str], object]] = []
        self.contained: dict[str, str] = {}

    def say(self, rule: str, path: Path) -> None:
        """Add a finding."""
        self.issues.append(finding(rule, render(self.root, path)))


def walk(resource: dict[str, Any], original: bytes, max_nesting: int, root: str = "") -> Found:
    """Look at every element of a resource, or of another object of R4.

    Args:
        resource: decoded JSON object; numbers that are no integers as text.
        original: the bytes that it was decoded from.
        max_nesting: of objects and arrays, the outermost counted.
        root: type to take it for; empty to take its ``resourceType``.
    """
    found = Found(root or known(resource.get("resourceType")))
    try:
        _look(resource, definitions().types.get(found.root, PLAIN), (), max_nesting, found)
    except _TooDeep:
        found.issues.append(finding("json.nesting", found.root))
        return found
    if not root:
        _identifiers(resource, found)
    if b'"resource"' in original:
        found.references = [one for one in found.references if not _in_held_resource(one[0])]
    if b"\\" in original and CONTROL_ESCAPE.search(original):
        _characters(resource, (), found)
    return found


def known(name: object) -> str:
    """Return the name of a resource type if R4 has it, else ``Resource``."""
    return name if isinstance(name, str) and name in definitions().resources else "Resource"


def render(root: str, path: Path) -> str:
    """Return a path as text, such as ``Patient.name[0].use``; names that R4 lacks are shown as ``?``."""
    parts: list[str] = []
    names = definitions().names
    while path:
        path, name, index = path
        shown = name if name.removeprefix("_") in names else "?"
        parts.append(shown if index < 0 else f"{shown}[{index}]")
    return ".".join([root, *reversed(parts)])


class _TooDeep(Exception):
    """Nested deeper than the limit."""


def _look(node: dict[str, Any], children: Mapping[str, Element], path: Path, left: int, found: Found) -> None:
    """Look at one object and all below it; runs for each object of each resource, so it is written for speed."""
    if left < 1:
        raise _TooDeep
    if not node:
        found.say("element.empty", path)
    for name, value in node.items():
        kind = value.__class__
        if kind is str:
            element = children.get(name)
            # The common case is decided here, without a call: a date in the first 28 days of a month, a listed code.
            if element is not None and (value[8:10] > "28" if element.codes is None else value not in element.codes):
                _check_value(value, element, (path, name, -1), found)
        elif kind is dict:
            element = children.get(name)
            here = (path, name, -1)
            if element is None and "resourceType" not in value:
                _look(value, PLAIN, here, left - 1, found)
            else:
                _look(value, _below(value, element, here, found), here, left - 1, found)
        elif kind is list:
            _look_at_each(value, children.get(name), path, name, left - 1, found)


def _look_at_each(values: list[Any], element: Element | None, path: Path, name: str, left: int, found: Found) -> None:
    if left < 1:
        raise _TooDeep
    for index, value in enumerate(values):
        kind = value.__class__
        if kind is dict:
            here = (path, name, index)
            _look(value, _below(value, element, here, found), here, left - 1, found)
        elif kind is list:
            _look_at_each(value, None, path, name, left - 1, found)
        elif element is not None and kind is str:
            _check_value(value, element, (path, name, index), found)


def _below(node: dict[str, Any], element: Element | None, path: Path, found: Found) -> Mapping[str, Element]:
    """Check an object as such, and return what is known of the elements below it."""
    if element is None:
        return definitions().types.get(known(node["resourceType"]), PLAIN) if "resourceType" in node else PLAIN
    if element.targets is not None:
        value = node.get("reference")
        if isinstance(value, str):  # else by identifier or display only, or of a form that the validator refuses
            found.references.append((path, value, element.targets, node.get("type")))
    elif element.codes is not None and not _has_code(node, element.codes):
        found.say("value.code", path)
    return element.children


def _check_value(value: str, element: Element, path: Path, found: Found) -> None:
    if element.is_markup:
        rule = narrative.broken_rule(value)
        if rule:
            found.say(rule, path)
    elif element.codes is not None:
        if value not in element.codes:
            found.say("value.code", path)
    elif element.is_date and DAY.match(value) and not _is_day(value[:10]):
        found.say("value.date", path)


def _characters(node: object, path: Path, found: Found) -> None:
    """Find control characters in texts; called only where an escape gives reason to look."""
    if isinstance(node, str):
        if CONTROL.search(node):
            found.say("value.characters", path)
    elif isinstance(node, dict):
        for name, value in node.items():
            _characters(value, (path, name, -1), found)
    elif isinstance(node, list):
        above, name, _ = path
        for index, value in enumerate(node):
            _characters(value, (above, name, index), found)


def _in_held_resource(path: Path) -> bool:
    """Return whether a path leads into a resource that a Bundle or Parameters hold: its references are theirs."""
    while path:
        path, name, _ = path
        if name == "resource":
            return True
    return False


def _has_code(node: dict[str, Any], codes: frozenset[str]) -> bool:
    """Return whether a CodeableConcept or Coding has a code of the set; one that only has extensions passes."""
    codings = node.get("coding", [node] if "code" in node else [])
    if not isinstance(codings, list):
        return True
    pairs = [f"{coding.get('system')} {coding.get('code')}" for coding in codings if isinstance(coding, dict)]
    return any(pair in codes for pair in pairs) or "extension" in node


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _identifiers(resource: dict[str, Any], found: Found) -> None:
    """Check the id of the resource and of those contained, and note the latter for references."""
    if "id" in resource and not _is_id(resource["id"]):
        found.issues.append(finding("resource.id", f"{found.root}.id"))
    contained = resource.get("contained", ())
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        if not isinstance(inner, dict):
            continue
        name = inner.get("id", "")
        if isinstance(name, str):
            found.contained[name.removeprefix("#")] = known(inner.get("resourceType"))
        if "id" in inner and not _is_id(name):
            found.issues.append(finding("resource.id", f"{found.root}.contained[{index}].id"))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and RESOURCE_ID.fullmatch(value) is not None
