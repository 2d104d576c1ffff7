"""Persons of two nodes as one: matched, linked on both sides, and followed to where records are (H1, H5, H7; D10).

Another home is asked through its service, as another institution would be: under an agreement, for a purpose, with an
entry there and its twin here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xinglin.kernel.errors import Conflict, Invalid, PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.office.patients import acting, found_values, link_values, refusal_values
from xinglin.node.records.serving import Serving, described
from xinglin.node.site import HomeNotOpen, Site
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.patient_index.errors import DecisionNotFound
from xinglin.service.basic.patient_index.model import Link
from xinglin.service.basic.reading.deciding import UNLINK
from xinglin.service.basic.reading.errors import PersonNotHere
from xinglin.service.basic.reading.looks import Look
from xinglin.service.basic.reading.ports import CustodianNode
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.stakeholders.purposes import Purpose


class LinkTaken(Conflict):
    """The other node has one person where this node has two."""

    code, number, clause = "patient.link_taken", 6081, "H1"
    en = "The other node takes {person} for the person whom this node has as {other}."
    zh = "对方节点将 {person} 视为本节点的 {other}。"
    hint_en = "Look whether they are one: merge them, or undo the older link with 'xinglin patient unlink'."
    hint_zh = "请核对是否为同一人：可合并，或用 xinglin patient unlink 撤销较早的关联。"


class MatchAtHome(Invalid):
    """A match was to be asked of one's own node."""

    code, number, clause = "patient.match_at_home", 6394, "H1"
    en = "A match is asked of another node, and that is your own."
    zh = "匹配请求应发往其他节点，而所指的是本节点。"
    hint_en = "'xinglin patient find' looks here; 'xinglin member list' shows the ids of the others."
    hint_zh = "本节点内请用 xinglin patient find；xinglin member list 可显示其他机构的标识。"


def match_person(
    serving: Serving, other: CustodianNode, account: str, purpose: Purpose, person: bytes
) -> dict[str, Any]:
    """Ask another node whether it has a person, and keep the link that both know from then on.

    What this node's sources say of the person goes to the other node, and nothing else; its answer is a random handle,
    or that nobody there is surely this person. Asked again, the same link comes back.

    Args:
        serving: of this institution.
        other: the other node's service.
        account: who asks; its key is in this home.
        purpose: what for.
        person: 16 bytes.

    Raises:
        MatchAtHome: the other node is this one.
        PersonNotFound: there is no such person here.
        LinkTaken: the handle is another person's here already.
        NoMatch, AgreementMissing, PlatformError: the other node's refusal, on record at both.
    """
    if other.node == serving.node:
        raise MatchAtHome
    index, who = serving.archive.persons, acting(serving, account)
    root = index.found_as(person)
    handle = serving.reader.match(other, who, described(index, root), purpose)
    known = index.person_by_handle(other.member, handle)
    if known is not None and known != root:
        raise LinkTaken(person=identifier(root), other=identifier(known))
    if known is None:
        return link_values(index.link(root, other.member, handle, account))
    return link_values(_by_handle(index.links(root), other.member, handle))


def all_links(serving: Serving, person: bytes | None = None) -> list[dict[str, Any]]:
    """Return the links in force of one person, or all, the oldest first."""
    index = serving.archive.persons
    found = index.all_links() if person is None else index.links(person)
    return [link_values(one) for one in found]


def unlink_person(
    site: Site, account: str, link: bytes, reason: str, purpose: Purpose = Purpose.HOPERAT
) -> dict[str, Any]:
    """Undo a link at this node, and at the other where its home is open; reads since its time rested on it.

    Returns: the link that was; ``there`` is ``undone``, or why the other node still has it.

    Raises:
        DecisionNotFound: no link of that id is in force.
        PlatformError: see ``Looks.look``.
    """
    serving = site.serving
    index, who = serving.archive.persons, acting(serving, account)
    found = next((one for one in index.all_links() if one.link == link), None)
    if found is None:
        raise DecisionNotFound(decision=identifier(link))
    serving.looks.look(who, Look.UNLINK, [index.found_as(found.person)], Purpose.HOPERAT)
    values = link_values(index.unlink(link, reason, account))
    try:
        other = site.serving_of(site.find(found.node))
        refused = serving.reader.ask(other, who, Asked("person", found.handle), UNLINK, purpose).refusal()
    except HomeNotOpen as refusal:
        refused = refusal
    # Where the other node has given it back before, nothing is left there.
    gone = refused is None or isinstance(refused, PersonNotHere)
    return values | {"there": "undone" if gone or refused is None else refused.code}


def locate_person(site: Site, account: str, purpose: Purpose, person: bytes) -> list[dict[str, Any]]:
    """Return the nodes that have records of a person: this one and those linked, each with what it tells for a purpose.

    Each node decides, and makes its entry; what it refuses, and a home that is not open here, is said so.

    Raises:
        AccountKeyMissing: the account's key is not here.
    """
    serving = site.serving
    index, who = serving.archive.persons, acting(serving, account)
    root = index.found_as(person)
    found = [{"member": serving.member, "node": serving.node, **_told(serving, serving, who, root, purpose)}]
    for link in index.links(root):
        entry: dict[str, Any] = {"member": link.node, "link": identifier(link.link)}
        try:
            other = site.serving_of(site.find(link.node))
        except HomeNotOpen as refusal:
            found.append(entry | refusal_values(refusal))
            continue
        found.append(entry | {"node": other.node, **_told(serving, other, who, link.handle, purpose)})
    return found


def _told(serving: Serving, other: CustodianNode, who: ReaderAccount, link: bytes, purpose: Purpose) -> dict[str, Any]:
    try:
        return {"records": [found_values(one) for one in serving.reader.search(other, who, link, purpose)]}
    except PlatformError as refusal:
        return refusal_values(refusal)


def _by_handle(links: Sequence[Link], member: str, handle: bytes) -> Link:
    return next(one for one in links if (one.node, one.handle) == (member, handle))
