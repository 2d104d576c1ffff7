"""Makes de-identified copies (H3, H7, H8; GB/T 37964-2019; docs/spec/deidentification.md).

An allow-list by the type of each element: what R4 does not define at its place, what no rule keeps, and what has not
the form of its type is left out, so no input can raise an error or bring through what nobody thought of. The rules are
compiled to one table of actions for each type and each element that has elements. Pure: no file, no clock; the shift
and the keys come in.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from xinglin.service.lifecycle.collection.fhir.elements import PLAIN, definitions
from xinglin.service.lifecycle.processing.deidentification import values
from xinglin.service.lifecycle.processing.deidentification.forms import FORMS
from xinglin.service.lifecycle.processing.deidentification.model import Copy, Pseudonyms, Shift
from xinglin.service.lifecycle.processing.deidentification.run import Action, Run
from xinglin.service.lifecycle.processing.deidentification.tables import Rule, own_rules, types

MAX_NESTING: Final = 64
"""Of objects in a copy, the outermost counted; intake takes in no deeper ones."""
MASKED: Final = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
}
PSEUDONYMISED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "PSEUDED"}
"""Security label of every copy (FHIR R4, security-labels; HL7 v3 ObservationValue)."""
SIMPLE: Final[Mapping[str, Action]] = {
    "boolean": values.boolean,
    "decimal": values.number,
    "integer": values.number,
    "positiveInt": values.number,
    "unsignedInt": values.number,
    "time": values.time,
    "date": values.date,
    "dateTime": values.date,
    "instant": values.date,
    "Address": values.address,
}


class Deidentifier:
    """Makes copies by a set of rules, compiled.

    Args:
        rules: in order of their files; of several for one subject the last counts.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._types = _by_subject(rules, "type")
        self._elements = _by_subject(rules, "element")
        self._extensions = _by_subject(rules, "extension")
        self._shared = frozenset(_by_subject(rules, "resource"))
        self._systems = values.Systems(rule for rule in rules if rule.kind == "system")
        self._coding, self._quantity = values.coding(self._systems), values.quantity(self._systems)
        self._withheld = {
            subject[2:]: rule.id
            for subject, rule in self._elements.items()
            if subject.startswith("*.") and rule.action == "withhold"
        }
        self._fields: dict[str, dict[str, Action]] = {}
        self._masking: dict[str, str] = {}
        for path in types():
            self._fields[path] = {}
        for path, elements in types().items():
            self._fields[path].update({name: self._action(path, name, kind) for name, kind in elements.items()})

    def copy(self, resource: Mapping[str, Any], shift: Shift, pseudonyms: Pseudonyms, logical_id: str = "") -> Copy:
        """Return the copy of one decoded resource, whatever it holds.

        Args:
            resource: decoded JSON object; decimals may be floats, ``decimal.Decimal`` or their text.
            shift: of the person.
            pseudonyms: of the person.
            logical_id: by which others refer to it where it states no id: the tail of its fullUrl.
        """
        run = Run(shift, pseudonyms, self._shared)
        content: dict[str, Any] = self._resource(resource, run, MAX_NESTING) or {}
        kind = content.get("resourceType", "")
        if logical_id and "id" not in content and kind:
            content["id"] = pseudonyms.of(logical_id, shared=kind in self._shared)
        if kind:
            content["meta"] = _labelled(content.get("meta"))
        return Copy(content, run.dropped)

    def _resource(self, value: Any, run: Run, left: int, *, contained: bool = False) -> Any:
        """Make the copy of a resource or of one inside it."""
        if not isinstance(value, Mapping):
            return run.drop("form.value")
        kind = value.get("resourceType")
        if not isinstance(kind, str) or kind not in definitions().resources or kind not in self._fields:
            return run.drop("unknown.resource")
        copy: dict[str, Any] = {"resourceType": kind}
        # Ids of contained resources are names within one resource: the person's, as references to them are.
        if "id" in value and (name := run.id(value["id"], shared=not contained and kind in self._shared)):
            copy["id"] = name
        rest = self._object(value, self._fields[kind], run, left)
        if rest:
            copy.update(rest)
        for name in self._masking.get(kind, "").split():
            if name in value and name not in copy:
                copy[f"_{name}"] = MASKED
        return copy

    def _object(self, node: Mapping[str, Any], fields: Mapping[str, Action], run: Run, left: int) -> Any:
        """Decide each element of an object; runs for each object of each resource, so it is written for speed."""
        if left < 1:
            return run.drop("depth")
        for name, rule in self._withheld.items():
            if name in node:
                return run.drop(rule)
        copy: dict[str, Any] = {}
        for name, value in node.items():
            action = fields.get(name)
            if action is None:
                kept = self._other(name, value, fields, run, left)
            elif value.__class__ is list:
                kept = [one for one in [action(item, run, left) for item in value] if one is not None] or None
            else:
                kept = action(value, run, left)
            if kept is not None:
                copy[name] = kept
        return copy or None

    def _other(self, name: str, value: Any, fields: Mapping[str, Action], run: Run, left: int) -> Any:
        """Decide what no type lists by itself: ids, extensions, contained resources, extensions of primitive values."""
        if name == "resourceType" or (name == "id" and value.__class__ is str and "meta" in fields):
            return None
        if name == "extension":
            return self._extensions_of(value, run, left)
        if name == "contained" and value.__class__ is list and "meta" in fields:
            held = [self._resource(item, run, left - 1, contained=True) for item in value]
            return [one for one in held if one is not None] or None
        if name[:1] == "_" and name[1:] in fields and value.__class__ is dict and "extension" in value:
            kept = self._extensions_of(value["extension"], run, left - 1)
            return {"extension": kept} if kept else None
        return run.drop("unknown.element")

    def _extensions_of(self, value: Any, run: Run, left: int) -> Any:
        if value.__class__ is not list or left < 1:
            return run.drop("form.value")
        return [one for one in [self._extension(item, run, left - 1) for item in value] if one is not None] or None

    def _extension(self, value: Any, run: Run, left: int) -> Any:
        """Decide a listed extension: its value by its type, its parts where they are named."""
        url = value.get("url") if value.__class__ is dict else None
        rule = self._extensions.get(url) if isinstance(url, str) else None
        if rule is None or rule.action == "remove":
            return run.drop("unknown.extension" if rule is None else rule.id)
        parts = value.get("extension")
        inside = []
        for part in parts if parts.__class__ is list else ():
            name = part.get("url") if part.__class__ is dict else None
            if isinstance(name, str) and name in rule.argument.split():
                inside.append({"url": name, **(self._valued(part, run, left) or {})})
            else:
                run.drop("unknown.extension")
        inside = [part for part in inside if len(part) > 1]
        kept = self._valued(value, run, left) or {}
        if inside:
            kept["extension"] = inside
        return {"url": url, **kept} if kept else None

    def _valued(self, node: Mapping[str, Any], run: Run, left: int) -> Any:
        """Return the value of an extension or of a part of one."""
        value = {name: one for name, one in node.items() if name not in ("url", "extension", "id")}
        return self._object(value, self._fields["Extension"], run, left)

    def _action(self, path: str, name: str, kind: str) -> Action:
        """Return what becomes of one element."""
        rule = self._elements.get(f"{path}.{name}") or self._elements.get(f"*.{name}")
        if rule is not None:
            if rule.argument == "mask":
                self._masking[path] = f"{self._masking.get(path, '')} {name}"
            return self._by_element(rule)
        if kind in ("Resource", "DomainResource"):
            return lambda value, run, left: self._resource(value, run, left - 1)
        rule = self._types.get(kind)
        if rule is None or (rule.action == "keep" and kind not in SIMPLE and kind not in ("code", "Coding")):
            return self._descending(kind)
        if rule.action == "remove":
            return values.removing(rule.id)
        return self._by_type(path, name, kind)

    def _by_element(self, rule: Rule) -> Action:
        if rule.action == "keep":
            return values.of_form(FORMS[rule.argument])
        if rule.action == "shift":
            return values.date
        if rule.action == "pseudonym":
            return values.address_in_bundle if rule.id == "resource.full_url" else values.identifier
        return values.removing(rule.id)

    def _by_type(self, path: str, name: str, kind: str) -> Action:
        element = definitions().types.get(path, PLAIN).get(name)
        if kind == "Coding":
            return self._coding
        if kind == "Reference":
            targets = element.targets if element is not None else None
            return values.reference(shared=bool(targets and targets <= self._shared))
        if kind == "code":
            codes = element.codes if element is not None else None
            return values.of_codes(codes) if codes else values.of_form(FORMS["token"])
        return SIMPLE.get(kind, self._quantity)

    def _descending(self, kind: str) -> Action:
        """Return the action for a type whose elements are decided one by one."""
        fields = self._fields.get(kind)
        if fields is None:
            return values.removing("unknown.element")

        def descend(value: Any, run: Run, left: int) -> Any:
            if value.__class__ is not dict:
                return run.drop("form.value")
            return self._object(value, fields, run, left - 1)

        return descend


def _labelled(meta: object) -> dict[str, Any]:
    """Return the meta of a copy with the label that says what it is; of a meta that is no object nothing stays."""
    kept = meta if isinstance(meta, dict) else {}
    stated = kept.get("security")
    return {**kept, "security": [PSEUDONYMISED, *(one for one in _listed(stated) if one != PSEUDONYMISED)]}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _by_subject(rules: Sequence[Rule], kind: str) -> dict[str, Rule]:
    return {subject: rule for rule in rules if rule.kind == kind for subject in rule.subjects}


@functools.cache
def own_deidentifier() -> Deidentifier:
    """Return what makes copies by the rules that come with Xinglin."""
    return Deidentifier(own_rules())


def deidentify(resource: Mapping[str, Any], shift: Shift, pseudonyms: Pseudonyms, logical_id: str = "") -> Copy:
    """Return the copy of one decoded resource by the rules that come with Xinglin; see ``Deidentifier.copy``."""
    return own_deidentifier().copy(resource, shift, pseudonyms, logical_id)
