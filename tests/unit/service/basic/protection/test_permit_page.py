"""The page permit.md says what the code says: codes, purposes, kinds, articles, rules."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY
from xinglin.kernel.errors import all_errors
from xinglin.service.basic.protection import permit_errors
from xinglin.service.basic.protection.model import Article, Rule
from xinglin.service.basic.protection.tables import ARTICLES, KINDS, PURPOSE_LEVEL
from xinglin.stakeholders.purposes import PURPOSES, Purpose

PAGE = (REPOSITORY / "docs" / "spec" / "permit.md").read_text(encoding="utf-8")


def cells(pattern: str) -> list[list[str]]:
    """Return the cells of the rows whose first cell matches."""
    rows = [line for line in PAGE.splitlines() if re.match(rf"\| {pattern} \|", line)]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_page_names_every_code_of_the_policy() -> None:
    codes = {case.code for case in all_errors() if case.__module__ == permit_errors.__name__}
    assert codes == set(re.findall(r"`((?:permit|chain)\.\w+)`", PAGE))


def test_the_page_has_the_purposes() -> None:
    shown = {row[0]: tuple(row[1:]) for row in cells(r"`\w+` \| [A-Z]+")}
    assert shown == {
        f"`{purpose}`": (entry.act_reason, entry.zh, str(PURPOSE_LEVEL[purpose])) for purpose, entry in PURPOSES.items()
    }
    assert set(PURPOSES) == set(PURPOSE_LEVEL) == set(Purpose)


def test_the_page_has_the_limits_of_kinds() -> None:
    for number, kind, purposes, level in (
        (row[0][0], row[0][2:], row[1], row[2]) for row in cells(r"[1-5] [a-z_]+ \| .* \| [1-5]")
    ):
        limit = next(one for key, one in KINDS.items() if (str(int(key)), key.name.lower()) == (number, kind))
        listed = {Purpose(one) for one in re.findall(r"`(\w+)`", purposes)}
        assert limit.purposes == (set(Purpose) - listed if purposes.startswith("all but") else listed)
        assert limit.level == int(level)


def test_the_page_has_the_articles() -> None:
    rows = {row[0].strip("`"): row for row in cells(r"(?:`\w+`|\(court\)) \| .*") if len(row) == 9}
    assert set(rows) == {one.value for one in Article if one is not Article.COURT} | {"(court)"}
    for article, limit in ARTICLES.items():
        row = rows["(court)" if article is Article.COURT else article.value]
        assert {str(int(role)) for role in limit.roles} == set(row[3].split())
        assert {f"`{purpose}`" for purpose in limit.purposes} == set(row[4].split())
        assert (str(int(limit.level)), f"{limit.days} days") == (row[5], row[7])
        assert limit.own == (row[2] == "own")
        if not limit.own and row[2] != "any":
            assert {str(int(kind)) for kind in limit.kinds} == set(re.findall(r"\d", row[2]))


def test_the_page_has_the_rules_in_order() -> None:
    assert [row[0] for row in cells(r"PM\d+")] == [f"PM{int(rule)}" for rule in Rule]
