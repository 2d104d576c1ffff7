"""Categories, levels and special flags of data (GB/T 39725; design D9; S7.1c). Numbers are committed and never change.

Pure data: what gets which label is decided in ``service/lifecycle/processing``, what a label opens in
``service/basic/protection``.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Category(IntEnum):
    """The six categories of health data."""

    PERSONAL_ATTRIBUTES = 1
    HEALTH_STATUS = 2
    MEDICAL_APPLICATION = 3
    MEDICAL_PAYMENT = 4
    HEALTH_RESOURCES = 5
    PUBLIC_HEALTH = 6


class Level(IntEnum):
    """The five levels, from public to what only few may see."""

    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4
    L5 = 5


class Special(IntFlag):
    """What is protected beyond its level."""

    HIV = 1
    PSYCHIATRY = 2
    GENETICS = 4
    SUBSTANCE = 8
    REPRODUCTIVE = 16
    STD = 32
