"""State values and arguments of the contract ``identity`` of private chains (docs/spec/patient-index.md; H1, H2).

On the private chain: that something was decided, of which kind, by which account, why by number, when, and a salted
commitment to the decision. Never who it is about, and nothing that is equal for two decisions about one person
(design D10).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import ChainObject, Digest, Identifier, Milliseconds, Natural

NAMESPACE = "identity"


class Act(IntEnum):
    """What was decided. Numbers are on chains and never change; words in ``ACTS``."""

    MERGE = 1
    CONFIRM = 2
    DECLINE = 3
    MOVE = 4
    LINK = 5
    UNMERGE = 6
    UNLINK = 7


ACTS: dict[Act, tuple[str, str]] = {
    Act.MERGE: ("two persons were merged", "合并两个个人"),
    Act.CONFIRM: ("a candidate was confirmed", "确认候选匹配"),
    Act.DECLINE: ("a candidate was declined", "否决候选匹配"),
    Act.MOVE: ("a registration was parted from a person", "拆出一条登记"),
    Act.LINK: ("a person was linked with another node", "与其他节点建立关联"),
    Act.UNMERGE: ("a merge was undone", "撤销合并"),
    Act.UNLINK: ("a link was undone", "撤销关联"),
}
"""Each act in English and Chinese."""


class Reason(IntEnum):
    """Why it was decided. Numbers are on chains and never change; words in ``REASONS``."""

    MATCHED = 1
    SAME_DOCUMENT = 2
    PERSON_STATED = 3
    REGISTERED_TWICE = 4
    OTHER_DOCUMENT = 5
    OTHER_PERSON = 6
    ENTERED_WRONGLY = 7
    CARE_ENDED = 8
    PERSON_OBJECTS = 9
    OTHER = 10


REASONS: dict[Reason, tuple[str, str]] = {
    Reason.MATCHED: ("the two nodes matched", "双方节点匹配一致"),
    Reason.SAME_DOCUMENT: ("the same identity document was seen", "核验为同一身份证件"),
    Reason.PERSON_STATED: ("the person said so, identity checked", "本人陈述并经核验"),
    Reason.REGISTERED_TWICE: ("one person was registered twice", "重复建档"),
    Reason.OTHER_DOCUMENT: ("the identity documents differ", "身份证件不同"),
    Reason.OTHER_PERSON: ("they are two persons: twins, relatives, namesakes", "非同一人（双胞胎、亲属或重名）"),
    Reason.ENTERED_WRONGLY: ("something was entered wrongly", "录入有误"),
    Reason.CARE_ENDED: ("the care for which it was made has ended", "诊疗关系已结束"),
    Reason.PERSON_OBJECTS: ("the person objects", "本人反对"),
    Reason.OTHER: ("another reason", "其他原因"),
}
"""Each reason in English and Chinese."""

UNDONE_BY: dict[Act, frozenset[Act]] = {
    Act.UNMERGE: frozenset({Act.MERGE, Act.CONFIRM}),
    Act.UNLINK: frozenset({Act.LINK}),
}
"""What undoes what."""


class RecordAct(ChainObject, frozen=True):
    """identity.record: one decision. ``content`` is H("identity", salt, decision).

    ``number`` counts the institution's decisions from 0; ``undoes`` is the number of the one that this one takes back.
    """

    number: Natural
    act: Act
    reason: Reason
    account: Identifier
    content: Digest
    undoes: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=1)]


class ActState(ChainObject, frozen=True, kw_only=True):
    """("identity", "act", number): one decision; ``time`` is block time, ``undone`` the number that took it back."""

    kind: Literal["identity-act"] = "identity-act"
    version: Literal[1] = 1
    act: Act
    reason: Reason
    account: Identifier
    content: Digest
    undoes: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=1)]
    undone: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=1)]
    member: Identifier
    time: Milliseconds


class ActCount(ChainObject, frozen=True, kw_only=True):
    """("identity", "count"): how many decisions are on record; absent while none is."""

    kind: Literal["identity-count"] = "identity-count"
    version: Literal[1] = 1
    count: Natural
