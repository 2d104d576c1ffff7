"""The inbox of a home, as commands use it: listed, acknowledged, delivered, compared with the chain (H10, H12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import Conflict, PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer
from xinglin.node.private import PrivateCalls
from xinglin.node.records.archive import Archive
from xinglin.service.basic.notices.errors import NoticeDiffers, NoticeUnknown
from xinglin.service.basic.notices.letters import acknowledgement_hash, letter_hash
from xinglin.service.basic.notices.model import NAMESPACE, NoticeState
from xinglin.service.basic.notices.moving import Office
from xinglin.service.basic.notices.ports import NoPost, Post
from xinglin.service.basic.notices.rules import state_parts
from xinglin.service.basic.notices.service import Notices, NoticeView, Resumed
from xinglin.service.basic.notices.store import Kept, NoticeStore, Step
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys

NO_POST = NoPost()
"""Where other homes can't be reached: what only looks, and a home that is alone."""


class NoticeAmbiguous(Conflict):
    """Two members have sent a notice under one id."""

    code, number, clause = "notice.ambiguous", 6060, "H12"
    en = "{count} members have sent a notice {notice}."
    zh = "有 {count} 个成员发送了同一标识的告知 {notice}。"
    hint_en = "Name the sender with --sender."
    hint_zh = "请用 --sender 指定发送方。"


@contextmanager
def open_notices(archive: Archive, post: Post = NO_POST) -> Iterator[Notices]:
    """Give the notices of a home; its inbox is made if there is none.

    Args:
        archive: the home's, opened.
        post: the way to other homes; without one what is for others waits.

    Raises:
        NoPrivateChain: this home has none.
        DatabaseDamaged, StorageVersionUnknown: the inbox can't be read.
    """
    node = archive.node
    office = Office(
        chain=node.consortium.rules.chain,
        suite=node.consortium.rules.suite,
        member=node.member,
        signer=node.signer(SERVICE),
        values=node.consortium.value,
        randomness=random_bytes,
        clock=SystemClock(),
    )
    store = NoticeStore(node.home.notices, archive.vault.keyring.keys)
    store.open()
    try:
        yield Notices(office, store, PrivateCalls(node), post)
    finally:
        store.close()


def acknowledge_notice(node: Node, notices: Notices, sender: str, notice: str, account: str) -> dict[str, Any]:
    """Acknowledge a notice for an account whose key is in this home; the private chain runs.

    Args:
        node: the home.
        notices: its inbox.
        sender: the member that sent it.
        notice: its id.
        account: who acknowledges, or has told the patient.

    Raises:
        AccountKeyMissing: the account's key is not here.
        NoticeUnknown, NoticeAcknowledged, NotRecipient: see ``Notices.acknowledge``.
    """
    return notice_values(notices.acknowledge(sender, notice, account, account_signer(node, account)))


def named_notice(notices: Notices, notice: str, sender: str = "") -> NoticeView:
    """Return the notice of an id; ``sender`` tells two apart that members have sent under one id.

    Raises:
        NoticeUnknown: there is none.
        NoticeAmbiguous: there are several.
    """
    found = [one for one in notices.every() if one.notice == notice and sender in ("", one.sender)]
    if not found:
        raise NoticeUnknown(notice=notice)
    if len(found) > 1:
        raise NoticeAmbiguous(notice=notice, count=len(found))
    return found[0]


def resumed_values(resumed: Resumed) -> dict[str, Any]:
    """Return what taking up again came to, as plain values."""
    waiting = [{"sender": sender, "notice": notice, "reason": why.code} for sender, notice, why in resumed.waiting]
    return {"moved": resumed.moved, "waiting": waiting}


def notice_values(view: NoticeView) -> dict[str, Any]:
    """Return a notice as plain values; times in ms, 0 for not yet."""
    recipient = view.recipient
    return {
        "notice": view.notice,
        "kind": view.kind.name.lower(),
        "sender": view.sender,
        "recipient": {
            "member": recipient.member,
            "account": recipient.account[0] if recipient.account else "",
            "patient": bool(recipient.subject),
        },
        "about": view.about.hex(),
        "time": view.time,
        "due": view.due,
        "step": view.step.name.lower(),
        "attempts": view.attempts,
        "acknowledged": view.acknowledged,
        "acknowledged_by": view.acknowledged_by,
        "en": view.en,
        "zh": view.zh,
    }


def notice_findings(archive: Archive) -> Iterator[PlatformError]:
    """Yield what is wrong with a home's inbox, and what of it the private chain says otherwise."""
    node, chain = archive.node, PrivateCalls(archive.node)
    keys: InstitutionKeys = archive.vault.keyring.keys
    logged = {key for table, parts in (("sent", 3), ("received", 4)) for key in chain.keys(NAMESPACE, table, parts)}
    store = NoticeStore(node.home.notices, keys)
    if not store.database.path.exists():
        yield from (NoticeDiffers(notice=_id(key)) for key in sorted(logged))
        return
    try:
        damage = list(store.damage())
        yield from damage
        if damage:
            return
        for step, kept in store.all():
            letter = kept.letter.letter
            key = state_key(NAMESPACE, *state_parts(node.member, letter.sender, letter.notice))
            logged.discard(key)
            if not _agree(archive, chain.value(key), step, kept):
                yield NoticeDiffers(notice=letter.notice)
        yield from (NoticeDiffers(notice=_id(key)) for key in sorted(logged))
    finally:
        store.close()


def _agree(archive: Archive, stored: bytes | None, step: Step, kept: Kept) -> bool:
    """Tell whether a notice is what the private chain says of it; what is not there yet may come."""
    hash_ = archive.node.consortium.rules.suite.hash
    if stored is None:
        return step is Step.STORED
    state = decode(NoticeState, stored)
    said = [acknowledgement_hash(hash_, one.acknowledgement) for one in kept.acknowledgement]
    noted = [one.acknowledgement for one in state.acknowledged]
    return state.text == letter_hash(hash_, kept.letter.letter) and (
        noted == said or (not noted and step <= Step.SIGNED)
    )


def _id(key: bytes) -> str:
    return str(decode(tuple[str, ...], key)[-1])
