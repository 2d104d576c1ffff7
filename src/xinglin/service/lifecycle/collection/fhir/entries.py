"""One entry of a bundle on its way: what its bytes show before the rest of the bundle is known.

First the resource (decoding, walk, facts), then the entry around it (its own elements, address, request). Whether it
repeats another entry, and where its references lead, is decided in ``reader.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from xinglin.service.lifecycle.collection.fhir.cutting import CutEntry
from xinglin.service.lifecycle.collection.fhir.facts import NO_FACTS, Facts, facts_of
from xinglin.service.lifecycle.collection.fhir.findings import Issue, finding, is_refused
from xinglin.service.lifecycle.collection.fhir.model import Limits
from xinglin.service.lifecycle.collection.fhir.walk import Found, known, walk

ABSOLUTE_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?!\S*/_history/)\S+")
STORING: Final = ("POST", "PUT")
NOTHING_FOUND: Final = Found("Resource")

decode: Final = msgspec.json.Decoder(float_hook=str).decode
"""Decodes JSON with each number that is no integer as its text: no precision is lost and none is out of range."""


class EntryRead:
    """What is known of one entry so far.

    Attributes:
        position: index in the bundle, from 0.
        cut: its bytes.
        issues: findings on its resource so far.
        entry_issues: findings on the entry around it.
        found: what the walk over its resource gave.
        facts: what its resource tells of the act behind it.
        resource_type: FHIR type, empty while or where it is unknown.
        logical_id: possibly empty.
        version: its meta.versionId, mostly empty.
        has_request: it says how to store it.
    """

    __slots__ = (
        "cut",
        "entry_issues",
        "facts",
        "found",
        "has_request",
        "issues",
        "logical_id",
        "position",
        "resource_type",
        "version",
    )

    def __init__(self, position: int, cut: CutEntry) -> None:
        self.position = position
        self.cut = cut
        self.issues: list[Issue] = []
        self.entry_issues: list[Issue] = []
        self.found = NOTHING_FOUND
        self.facts: Facts = NO_FACTS
        self.resource_type = ""
        self.logical_id = ""
        self.version = ""
        self.has_request = cut.has_request

    @property
    def readable(self) -> bool:
        """Whether the resource can be handed to the validator: JSON of a known type within the limits."""
        return bool(self.resource_type) and not any(issue.rule.startswith("json.") for issue in self.issues)

    @property
    def refused(self) -> bool:
        """Whether anything found so far is an error."""
        return is_refused(self.issues) or is_refused(self.entry_issues)

    @property
    def place(self) -> str:
        """Expression of the entry."""
        return f"Bundle.entry[{self.position}]"


def look_at_resource(read: EntryRead, limits: Limits) -> None:
    """Decode the resource, walk over it, and take its facts."""
    original = read.cut.resource
    if not original:
        return
    if len(original) > limits.max_resource_bytes:
        read.issues.append(finding("json.size", "Resource"))
        return
    try:
        resource = decode(original)
    except RecursionError:
        read.issues.append(finding("json.nesting", "Resource"))
        return
    except (msgspec.MsgspecError, ValueError):
        read.issues.append(finding("json.malformed", "Resource"))
        return
    if not isinstance(resource, dict) or known(resource.get("resourceType")) == "Resource":
        read.issues.append(finding("resource.type", "Resource"))
        return
    read.resource_type = resource["resourceType"]
    read.logical_id = _logical_id(resource, read.cut.full_url)
    read.version = _version(resource)
    read.found = walk(resource, original, limits.max_nesting)
    read.issues.extend(read.found.issues)
    if not is_refused(read.issues):
        read.facts = facts_of(resource)


def _logical_id(resource: dict[str, Any], full_url: str) -> str:
    """Return a resource's id, or the one that its fullUrl gives it: that of a urn, or what follows its type."""
    name = resource.get("id")
    if isinstance(name, str):
        return name
    if full_url.startswith(("urn:uuid:", "urn:oid:")):
        return full_url.split(":", 2)[2]
    base, _, tail = full_url.rpartition("/")
    return tail if base.endswith(f"/{resource['resourceType']}") else ""


def _version(resource: dict[str, Any]) -> str:
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else ""


def look_at_shell(read: EntryRead, issues: Sequence[Issue], limits: Limits) -> None:
    """Judge what an entry has besides its resource, its fullUrl and a request to store it.

    Args:
        read: the entry; not a plain one.
        issues: the validator's findings on its shell.
        limits: bound on nesting.
    """
    below = [(issue, "Bundle.entry[0]") for issue in issues]
    if not any(issue.rule.startswith("json.") for issue in issues):
        entry = decode(read.cut.shell)["entry"][0]
        if isinstance(entry, dict):
            found = walk(entry, read.cut.shell, limits.max_nesting, root="Bundle.entry")
            below += [(issue, "Bundle.entry") for issue in found.issues]
            request = entry.get("request")
            read.has_request = request is not None
            if isinstance(request, dict) and request.get("method") not in STORING:
                read.entry_issues.append(finding("entry.method", f"{read.place}.request.method"))
    for issue, prefix in below:
        expression = issue.expression.replace(prefix, read.place, 1)
        read.entry_issues.append(msgspec.structs.replace(issue, expression=expression))


def look_at_entry(read: EntryRead, *, needs_request: bool) -> None:
    """Judge an entry's address, its request and whether it brings anything.

    Args:
        read: the entry.
        needs_request: the bundle is a transaction or batch.
    """
    if read.cut.full_url and not ABSOLUTE_URL.fullmatch(read.cut.full_url):
        read.entry_issues.append(finding("entry.full_url", f"{read.place}.fullUrl"))
    if needs_request and not read.has_request:
        read.entry_issues.append(finding("entry.request", f"{read.place}.request"))
    if not read.cut.resource:
        read.entry_issues.append(finding("entry.resource", f"{read.place}.resource"))
