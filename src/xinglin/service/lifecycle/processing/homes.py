"""The files of rules that an institution keeps in its home, read beside the product's own.

Only reading is here; what a rule may be, and where it may only make stricter, is decided in the table of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xinglin.service.lifecycle.collection import doors
from xinglin.service.lifecycle.collection.doors import Door
from xinglin.service.lifecycle.processing.classification import tables as classification
from xinglin.service.lifecycle.processing.classification.model import Rule as LabelRule
from xinglin.service.lifecycle.processing.deidentification import tables as deidentification
from xinglin.service.lifecycle.processing.deidentification.tables import Rule as CopyRule
from xinglin.service.lifecycle.processing.errors import RulesUnreadable

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one file of an institution; the product's own have some tens of thousands."""


def label_rules(home: Path) -> tuple[LabelRule, ...]:
    """Return the rules of classification that hold in a home.

    Args:
        home: folder of the node; it may have a file ``rules/classification.tsv``.

    Raises:
        RulesUnreadable: the file can't be read, is too large or not UTF-8.
        RuleMalformed, RuleRepeated, RuleLaxer: a line is at fault; nothing of the file counts.
    """
    text = _read(home / classification.HOME_FILE)
    return classification.own_rules() if text is None else classification.with_institution(text)


def copy_rules(home: Path) -> tuple[CopyRule, ...]:
    """Return the rules of de-identification that hold in a home.

    Args:
        home: folder of the node; it may have a file ``rules/deidentification.tsv``.

    Raises:
        RulesUnreadable, RuleMalformed, RuleRepeated, RuleLaxer: as for ``label_rules``.
    """
    text = _read(home / deidentification.HOME_FILE)
    return deidentification.own_rules() if text is None else deidentification.with_institution(text)


def door_of(home: Path) -> Door:
    """Return what the door for FHIR bundles takes in a home.

    Args:
        home: folder of the node; it may have a file ``rules/doors.tsv``.

    Raises:
        RulesUnreadable, RuleMalformed, RuleRepeated: as for ``label_rules``.
    """
    text = _read(home / doors.HOME_FILE)
    return doors.own_door() if text is None else doors.with_institution(text)


def _read(path: Path) -> str | None:
    """Return the text of a file, None where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RulesUnreadable(file=path.name, reason=error.strerror or "the system refuses it") from None
    if len(data) > MAX_BYTES:
        raise RulesUnreadable(file=path.name, reason=f"more than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RulesUnreadable(file=path.name, reason="it is not UTF-8") from None
