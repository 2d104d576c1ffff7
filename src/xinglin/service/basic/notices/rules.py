"""Pure rules of notices: where their state lies, and how their ids are made (docs/spec/notice.md)."""

from __future__ import annotations

from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.notices.model import NoticeKind


def state_parts(own: str, sender: str, notice: str) -> tuple[str, ...]:
    """Return what names a notice in the namespace of a member's private chain."""
    return ("sent", notice) if sender == own else ("received", sender, notice)


def notice_id(hash_: Hash, kind: NoticeKind, *facts: bytes | str) -> str:
    """Return the id of the one notice that these facts lead to: whoever tells them again tells nobody twice."""
    return identifier(tagged(hash_, Tag.NOTICE_ID, int(kind), *facts)[:16])
