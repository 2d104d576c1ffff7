"""The XHTML of narratives: well formed, and nothing in it runs or loads anything when it is shown.

Follows FHIR R4, narrative.html (invariant txt-1 as far as it is about safety); which of the harmless elements of
XHTML a narrative may use is not checked. Entities other than XML's five are refused, as the standard has it.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

FORBIDDEN: Final = frozenset(
    {"applet", "base", "body", "embed", "form", "frame", "frameset", "head", "html", "iframe", "input", "link", "meta",
     "object", "script", "select", "textarea"}
)  # fmt: skip
RUNNING: Final = re.compile(r"\s*(?:javascript|vbscript|data\s*:\s*text)\s*:?", re.IGNORECASE)


class _Active(Exception):
    """Something in the narrative would run or load."""


class _Declared(Exception):
    """A document type declaration, which could define entities."""


def broken_rule(markup: str) -> str:
    """Return the rule that a narrative breaks, ``narrative.form`` or ``narrative.active``; empty for none.

    Args:
        markup: value of ``Narrative.div``.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = _start
    parser.StartDoctypeDeclHandler = _declare
    try:
        parser.Parse(markup, True)
    except _Active:
        return "narrative.active"
    except (expat.ExpatError, _Declared, ValueError):
        return "narrative.form"
    return ""


def _start(name: str, attributes: dict[str, str]) -> None:
    if name.rpartition(":")[2].lower() in FORBIDDEN:
        raise _Active
    for attribute, value in attributes.items():
        if attribute.lower().startswith("on") or RUNNING.match(value):
            raise _Active


def _declare(*_: object) -> None:
    raise _Declared
