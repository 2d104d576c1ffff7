"""Forms of codes: what a code of a code system looks like. Rules name a form, so data never hold a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from re import Pattern
from types import MappingProxyType
from typing import Final

SHORT_NAME: Final = r"(?!.*\d{9})[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
"""A short name without nine digits in a row, which only numbers of persons and things have."""

ATOMS: Final = (
    r"%|10[*^]-?\d{1,2}|1|\[(?:pH|in_i|ft_i|lb_av|oz_av|foz_us|degF|iU|IU|CFU|drp|arb'U|APL'U|GPL'U|MPL'U|tsp_us)\]|"
    r"mm\[Hg\]|cm\[H2O\]|m\[H2O\]|m\[Hg\]|(?:da|[YZEPTGMkhdcmunpfazy])?(?:mol|osm|kat|cal|bar|eq|Cel|Pa|Hz|Bq|Gy|Sv|Ci|"
    r"[gmslLUJWVAKNFC])|mo|wk|min|deg|rad|a|d|h"
)
ANNOTATIONS: Final = (
    r"\{(?:score|count|copies|cells|RBC|WBC|HPF|LPF|tbl|capsule|times|creat|ratio|index|titer|#|"
    r"1\.73_m2|[TZ]-score|[Pp]ack-?[Yy]ears)\}"
)
TERM: Final = rf"(?:(?:{ATOMS})(?:-?\d)?(?:{ANNOTATIONS})?|{ANNOTATIONS})"

FORMS: Final[Mapping[str, Pattern[str]]] = MappingProxyType(
    {
        name: re.compile(pattern, re.ASCII)
        for name, pattern in {
            "atc": r"[A-Z](?:\d\d(?:[A-Z](?:[A-Z](?:\d\d)?)?)?)?",
            "currency": r"[A-Z]{3}",
            "dicom_class": r"(?:urn:oid:)?1\.2\.840\.10008\.[0-9.]{1,48}",
            "icd10": r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Zx+*]{1,7})?",
            "icd10_pcs": r"[0-9A-HJ-NP-Z]{7}",
            "icd11": r"[0-9A-Z]{4}(?:\.[0-9A-Z]{1,2})?(?:[&/][0-9A-Z.]{4,7}){0,8}",
            "icd9": r"[EV]?\d{2,4}(?:\.\d{1,2})?",
            "language": r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}",
            "link": r"(?!.*\d{9})[A-Za-z0-9/][A-Za-z0-9._/+-]{0,63}",
            "loinc": r"(?:L[AGP])?\d{1,7}-\d",
            "ndc": r"\d{4,5}-\d{3,4}-\d{1,2}|\d{10,11}",
            "number": r"\d{1,8}",
            "omb": r"\d{4}-\d|UNK|ASKU",
            "page": rf"(?:https://bluebutton\.cms\.gov/resources/)?(?:[a-z]{{1,20}}/){{0,2}}(?:{SHORT_NAME})",
            "permit": r"[\u4e00-\u9fff]{1,6}字第\d{4,6}號",
            "samples": r"(?:[-+]?\d{1,9}(?:\.\d{1,9})?|[EUL])(?: (?:[-+]?\d{1,9}(?:\.\d{1,9})?|[EUL]))*",
            "snomed": r"[1-9]\d{2,14}(?:0[0-2]|1[0-2])\d",
            "token": SHORT_NAME,
            "ucum": rf"/?{TERM}(?:[./]{TERM}){{0,5}}",
        }.items()
    }
)
