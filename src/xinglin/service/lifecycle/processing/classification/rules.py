"""Says category, level and special labels of a resource, and which rule decided (S7.1c; GB/T 39725-2020, 6.1, 6.2).

The type of the resource gives category and level; what its codes and words say can only raise the level and add
special labels (high-water mark). A resource that identifies nobody keeps its level whatever its codes. Pure: no file,
no clock; every resource gets labels, and nothing is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from xinglin.service.lifecycle.processing.classification.matching import CodeTable, Matcher, addresses, values_at
from xinglin.service.lifecycle.processing.classification.model import Labels, Rule
from xinglin.service.lifecycle.processing.classification.tables import DEFAULT, own_rules
from xinglin.stakeholders.labels import Category, Level, Special

MAX_HELD: Final = 8
"""Depth of resources inside resources; FHIR allows contained ones no contained ones of their own."""
Check = Callable[[Mapping[str, Any], set[int]], None]


class Classifier:
    """Classifies resources by a set of rules, compiled by type.

    Args:
        rules: in order of their file; the rule ``default`` and one rule for each type are among them.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._base: dict[str, int] = {}
        self._checks: dict[str, list[tuple[str, Check]]] = {}
        self._general: list[tuple[str, Check]] = []
        for position, rule in enumerate(self._rules):
            if rule.id == DEFAULT:
                self._default = position
            elif not rule.element:
                self._base.update(dict.fromkeys(rule.types, position))
            elif rule.element != ("*",):
                self._add_check(position, rule)
        self._checks = {name: [*self._general, *checks] for name, checks in self._checks.items()}
        self._matcher = Matcher(self._rules)
        self._plain = {position: self._join(position, ()) for position in {*self._base.values(), self._default}}

    def classify(self, resource: Mapping[str, Any]) -> Labels:
        """Return the labels of one decoded resource, whatever it holds.

        Args:
            resource: decoded JSON object; numbers in any form.
        """
        base, found = self._collect(resource, MAX_HELD)
        if max(self._level(base), *map(self._level, found), Level.PUBLIC) >= Level.MEDIUM:
            self._matcher.find(resource, found)
        return self._join(base, sorted(found)) if found else self._plain[base]

    def _collect(self, resource: Mapping[str, Any], left: int) -> tuple[int, set[int]]:
        """Return the position of the rule of the type, and those of single elements and of resources inside."""
        name = resource.get("resourceType")
        base = self._base.get(name, self._default) if isinstance(name, str) else self._default
        found: set[int] = set()
        for element, check in self._checks.get(name, self._general) if isinstance(name, str) else self._general:
            if element in resource:
                check(resource, found)
        if left and ("contained" in resource or "entry" in resource or "parameter" in resource):
            self._held(resource, left - 1, found)
        return base, found

    def _held(self, resource: Mapping[str, Any], left: int, found: set[int]) -> None:
        """Add the rules of resources inside this one: what it holds makes it as sensitive as that is."""
        for element in (("contained",), ("entry", "resource"), ("parameter", "resource")):
            for held in values_at(resource, element):
                if isinstance(held, dict) and "resourceType" in held:
                    base, inner = self._collect(held, left)
                    found.add(base)
                    found |= inner

    def _level(self, position: int) -> Level:
        return self._rules[position].level or Level.PUBLIC

    def _join(self, base: int, others: Sequence[int]) -> Labels:
        """Return the labels that the rules give together."""
        applying = [self._rules[base], *(self._rules[one] for one in others if one != base)]
        level = max(rule.level or Level.PUBLIC for rule in applying)
        special = Special.NONE
        for rule in applying:
            special |= rule.special
        # A rule of an element may know the category better than the type; of resources inside, only the level counts.
        of_type = applying[0].category or Category.HEALTH_STATUS
        category = next((rule.category for rule in applying if rule.element and rule.category), of_type)
        decided = next(rule.id for rule in applying if (rule.level or Level.PUBLIC) == level)
        return Labels(category, level, special, tuple(rule.id for rule in applying), decided)

    def _add_check(self, position: int, rule: Rule) -> None:
        check = _coded(position, rule) if rule.system else _plain(position, rule)
        if rule.types:
            for name in rule.types:
                self._checks.setdefault(name, []).append((rule.element[0], check))
        else:
            self._general.append((rule.element[0], check))


def _plain(position: int, rule: Rule) -> Check:
    """Return a check for an element that has one of the values."""

    def check(resource: Mapping[str, Any], found: set[int]) -> None:
        if any(isinstance(value, str) and value in rule.codes for value in values_at(resource, rule.element)):
            found.add(position)

    return check


def _coded(position: int, rule: Rule) -> Check:
    """Return a check for an element, a Coding or CodeableConcept, that has one of the codes."""
    table = CodeTable()
    for code in rule.codes:
        table.add(code, position)
    whole, beginnings = addresses({rule.system: table})
    starts = tuple(start for start, _ in beginnings)

    def check(resource: Mapping[str, Any], found: set[int]) -> None:
        for value in values_at(resource, rule.element):
            for coding in (value, *values_at(value, ("coding",))):
                system, code = (coding.get("system"), coding.get("code")) if isinstance(coding, dict) else (None, None)
                if isinstance(system, str) and isinstance(code, str) and (system in whole or system.startswith(starts)):
                    table.find(code, found)

    return check


@functools.cache
def own_classifier() -> Classifier:
    """Return the classifier by the rules that come with Xinglin."""
    return Classifier(own_rules())


def classify(resource: Mapping[str, Any]) -> Labels:
    """Return the labels of one decoded resource by the rules that come with Xinglin."""
    return own_classifier().classify(resource)
