"""State values and arguments of the contract ``correction`` of private chains (docs/spec/correction.md; H12, S8.6b).

On the private chain: record commitments, a reason by number, ids, times; never what was wrong (design D10).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from xinglin.kernel.encoding import ChainObject, Digest, Identifier, Milliseconds

NAMESPACE = "correction"


class Reason(IntEnum):
    """Why a record is corrected. Numbers are on chains and never change; words in ``REASONS``."""

    WRONG_VALUE = 1
    WRONG_UNIT = 2
    WRONG_CODE = 3
    WRONG_TIME = 4
    WRONG_PERFORMER = 5
    TRANSCRIPTION = 6
    DEVICE_FAULT = 7
    SPECIMEN = 8
    INCOMPLETE = 9
    REVISED_FINDING = 10
    OTHER = 11


REASONS: dict[Reason, tuple[str, str]] = {
    Reason.WRONG_VALUE: ("a value was wrong", "数值有误"),
    Reason.WRONG_UNIT: ("a unit was wrong", "单位有误"),
    Reason.WRONG_CODE: ("a code or term was wrong", "编码或术语有误"),
    Reason.WRONG_TIME: ("a time was wrong", "时间有误"),
    Reason.WRONG_PERFORMER: ("who did or recorded it was wrong", "操作人或记录人有误"),
    Reason.TRANSCRIPTION: ("it was entered wrongly", "录入有误"),
    Reason.DEVICE_FAULT: ("a device was at fault", "设备故障"),
    Reason.SPECIMEN: ("the specimen was unfit or another's", "标本不合格或混淆"),
    Reason.INCOMPLETE: ("something was missing", "内容不完整"),
    Reason.REVISED_FINDING: ("a finding or diagnosis was revised", "结论或诊断经修正"),
    Reason.OTHER: ("another reason", "其他原因"),
}
"""Each reason in English and Chinese."""
VALUABLE = frozenset(
    {
        Reason.WRONG_VALUE,
        Reason.WRONG_UNIT,
        Reason.WRONG_CODE,
        Reason.SPECIMEN,
        Reason.DEVICE_FAULT,
        Reason.REVISED_FINDING,
    }
)
"""Reasons for which the patient is told too: what the record says of the patient's health may have changed (H10)."""


class LinkCorrection(ChainObject, frozen=True):
    """correction.link: ``new`` corrects ``old``, both record commitments; ``account`` is whose correction it is."""

    old: Digest
    new: Digest
    reason: Reason
    account: Identifier


class Successor(ChainObject, frozen=True, kw_only=True):
    """("correction", "old", commitment): what corrects this record, why, on whose account, when (block time)."""

    kind: Literal["successor"] = "successor"
    version: Literal[1] = 1
    new: Digest
    reason: Reason
    account: Identifier
    member: Identifier
    time: Milliseconds


class Predecessor(ChainObject, frozen=True, kw_only=True):
    """("correction", "new", commitment): which record this one corrects, and the member that linked it."""

    kind: Literal["predecessor"] = "predecessor"
    version: Literal[1] = 1
    old: Digest
    member: Identifier
