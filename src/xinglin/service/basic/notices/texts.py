"""The texts of notices, made from templates that are data (``templates.tsv``; docs/spec/notice.md, texts; H10, H12).

A template names the facts that it needs; whoever sends gives exactly these, each in both languages. No fact is content
of a record or a name of a patient.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from xinglin.service.basic.notices.errors import TemplateInvalid
from xinglin.service.basic.notices.model import MAX_TEXT_BYTES, NoticeKind

LANGUAGES: Final = ("en", "zh")
DUE: Final = "due"
Facts = Mapping[str, tuple[str, str]]
"""What a text says, by name: in English and in Chinese."""


def words(kind: NoticeKind, facts: Facts, due: int) -> dict[str, bytes]:
    """Return the text of a notice by language, UTF-8 and normalised (NFC).

    Args:
        kind: what is told.
        facts: the facts that the template of that kind names, all of them and no other.
        due: when it should be acknowledged, ms since 1970 UTC; shown as a date.

    Raises:
        TemplateInvalid: a fact is missing or not asked for, or the text is longer than 4,096 bytes.
    """
    given = set(facts) | {DUE}
    made = {}
    for place, language in enumerate(LANGUAGES):
        template = templates()[kind, language]
        if fields(template) != given:
            wrong = ", ".join(sorted(fields(template) ^ given))
            raise TemplateInvalid(notice_kind=kind.name.lower(), reason=f"missing or not asked for: {wrong}")
        shown = {name: fact[place] for name, fact in facts.items()}
        text = template.format_map({**shown, DUE: datetime.fromtimestamp(due / 1000, UTC).strftime("%Y-%m-%d")})
        made[language] = unicodedata.normalize("NFC", text).encode()
        if len(made[language]) > MAX_TEXT_BYTES:
            raise TemplateInvalid(notice_kind=kind.name.lower(), reason="the text is too long")
    return made


def fields(template: str) -> set[str]:
    """Return the names of the facts that a template shows."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@cache
def templates() -> dict[tuple[NoticeKind, str], str]:
    """Return the template of each kind and language."""
    text = files(__package__).joinpath("templates.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {(NoticeKind[kind], language): template for kind, language, template in rows}
