"""Explanations in words: every rule, every basis, every code that a rule can say, in both languages."""

from __future__ import annotations

import re

import pytest

from xinglin.kernel.errors import PlatformError
from xinglin.service.basic.protection import permit_errors
from xinglin.service.basic.protection.model import Rule
from xinglin.service.basic.protection.words import BASIS_WORDS, COPY_WORDS, RULE_WORDS, said_words
from xinglin.stakeholders.purposes import Basis, Copy

CODES = sorted(
    one.code
    for one in vars(permit_errors).values()
    if isinstance(one, type) and issubclass(one, PlatformError) and one.__module__ == permit_errors.__name__
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_rule_basis_and_copy_has_words() -> None:
    assert (set(RULE_WORDS), set(BASIS_WORDS), set(COPY_WORDS)) == (set(Rule), set(Basis), set(Copy))
    for en, zh in (*RULE_WORDS.values(), *BASIS_WORDS.values(), *COPY_WORDS.values()):
        assert en.isascii()
        assert CHINESE.search(zh)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("head", ["", "passes: "])
def test_every_code_becomes_a_sentence(code: str, head: str) -> None:
    en, zh = said_words(head + code)
    assert en.startswith("decides nothing: " if head else "refuses: ")
    assert zh.startswith("不作决定：" if head else "拒绝：")
    assert code not in en + zh
    assert CHINESE.search(zh.partition("：")[2])


@pytest.mark.parametrize("said", ["passes", "passes: stale, own staff", "passes: restricted"])
def test_what_is_no_code_has_words_too(said: str) -> None:
    en, zh = said_words(said)
    assert en.startswith("decides nothing")
    assert CHINESE.search(zh)
    assert "stale, own staff" not in zh


@pytest.mark.parametrize("basis", sorted(set(Basis) - {Basis.NONE}))
@pytest.mark.parametrize("copy", ["original", "deidentified"])
def test_a_permit_names_its_basis_and_copy(basis: Basis, copy: str) -> None:
    en, zh = said_words(f"permits: {basis}, copy {copy}")
    assert en == f"permits: {BASIS_WORDS[basis][0]}, {COPY_WORDS[Copy[copy.upper()]][0]}"
    assert zh == f"准许：{BASIS_WORDS[basis][1]}，{COPY_WORDS[Copy[copy.upper()]][1]}"
