"""Categories, levels and special labels of medical data (S7.1c; GB/T 39725-2020, 6.1 and 6.2), as pure data.

Numbers of categories and levels are on chain and never change. Which record gets which label is decided in
``service/lifecycle/processing/classification``; who may read which level, by the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from types import MappingProxyType


class Category(IntEnum):
    """The six categories of health data (GB/T 39725-2020, 6.1)."""

    """The six categories of health data (GB/T 39725-2020, 6.1)."""

    PERSONAL_ATTRIBUTES = 1
    HEALTH_STATUS = 2
    MEDICAL_APPLICATION = 3
    MEDICAL_PAYMENT = 4
    HEALTH_RESOURCES = 5
    PUBLIC_HEALTH = 6


class Level(IntEnum):
    """The five levels, by the harm that disclosure without authority does (GB/T 39725-2020, 6.2)."""

    PUBLIC = 1
    """May be open to everybody: name, address, telephone of a hospital."""
    WIDE = 2
    """A wide circle: data that identify nobody."""
    MEDIUM = 3
    """Those with authority for a purpose: partly de-identified, could be identified again."""
    NARROW = 4
    """Those who take part in the care: identifies a person directly. Ordinary clinical data."""
    STRICT = 5
    """A very narrow circle under strict conditions: special diseases in detail."""


class Special(IntFlag):
    """Why a record is of level 5, beyond the ordinary; several may hold."""

    NONE = 0
    HIV = 1
    PSYCHIATRY = 2
    GENETICS = 4
    SUBSTANCE_USE = 8
    SEXUALLY_TRANSMITTED = 16
    REPRODUCTION = 32
    VIOLENCE = 64
    BY_SOURCE = 128
    """Whoever recorded it labelled it very restricted."""


CATEGORY_ZH: Mapping[Category, str] = MappingProxyType(
    {
        Category.PERSONAL_ATTRIBUTES: "个人属性数据",
        Category.HEALTH_STATUS: "健康状况数据",
        Category.MEDICAL_APPLICATION: "医疗应用数据",
        Category.MEDICAL_PAYMENT: "医疗支付数据",
        Category.HEALTH_RESOURCES: "卫生资源数据",
        Category.PUBLIC_HEALTH: "公共卫生数据",
    }
)

LEVEL_ZH: Mapping[Level, str] = MappingProxyType(
    {Level(number): f"第{numeral}级" for number, numeral in enumerate("一二三四五", start=1)}
)

SPECIAL_ZH: Mapping[Special, str] = MappingProxyType(
    {
        Special.HIV: "艾滋病",
        Special.PSYCHIATRY: "精神障碍",
        Special.GENETICS: "遗传信息",
        Special.SUBSTANCE_USE: "物质滥用与戒毒",
        Special.SEXUALLY_TRANSMITTED: "性病",
        Special.REPRODUCTION: "生育与辅助生殖",
        Special.VIOLENCE: "虐待与性侵害",
        Special.BY_SOURCE: "来源机构声明",
    }
)

CONFIDENTIALITY: Mapping[Level, str] = MappingProxyType(
    {Level.PUBLIC: "U", Level.WIDE: "L", Level.MEDIUM: "M", Level.NARROW: "N", Level.STRICT: "R"}
)
"""Codes of FHIR's v3-Confidentiality by level."""

VERY_RESTRICTED = Special.HIV | Special.PSYCHIATRY | Special.GENETICS | Special.BY_SOURCE
"""Special labels that make a record ``V``."""

SENSITIVITY: Mapping[Special, str] = MappingProxyType(
    {
        Special.HIV: "HIV",
        Special.PSYCHIATRY: "PSY",
        Special.GENETICS: "GDIS",
        Special.SUBSTANCE_USE: "ETH",
        Special.SEXUALLY_TRANSMITTED: "STD",
        Special.REPRODUCTION: "SEX",
        Special.VIOLENCE: "SDV",
    }
)
"""Codes of FHIR's v3-ActCode (InformationSensitivityPolicy) by special label."""


def confidentiality(level: Level, special: Special) -> str:
    """Return the code of v3-Confidentiality for a level with its special labels."""
    return "V" if level is Level.STRICT and special & VERY_RESTRICTED else CONFIDENTIALITY[level]
