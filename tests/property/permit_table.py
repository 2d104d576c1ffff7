"""``python -m tests.property.permit_table --cases N --seed S``: the product's decisions beside those of the oracle.

The product of all dimensions is beyond counting, so it is taken in blocks: each block is the full product of dimensions
that act on one another, ``everything`` is that of all of them. By default the blocks ``gates``, ``acts``, ``tables``
and ``core`` are taken whole; of a block that is larger than its share points are drawn, all different, so that each two
values of different dimensions meet. Prints JSON: how many cases and disagreements, which rules and codes decided (by
the oracle), and disagreements that differ in kind, each reduced to the dimensions that it needs.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tests.support import permit_oracle
from tests.support.permit_blocks import BLOCKS, Block
from tests.support.permit_page import Answer
from tests.support.permit_scenes import Point, build
from xinglin.service.basic.protection.model import Decision, Situation
from xinglin.service.basic.protection.rules import decide

Decide = Callable[[Situation], Decision]
SHOWN = 20
_WEIGHTS = {"core": 3}
"""How many parts a block takes where it is not taken whole, if not one."""


@dataclass
class Report:
    """What a comparison found; counts are by the oracle's decisions."""

    cases: int = 0
    disagreements: int = 0
    by_rule: Counter[int] = field(default_factory=Counter)
    by_code: Counter[str] = field(default_factory=Counter)
    blocks: dict[str, dict[str, int]] = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)


def plain(decision: Decision) -> Answer:
    """Return the product's decision as the oracle writes its own."""
    near = decision.nearest
    return Answer(
        decision.permit,
        int(decision.rule),
        str(decision.basis),
        decision.reference,
        int(decision.copy),
        decision.code,
        None if near is None else (near.consent, near.refusal.code),
    )


def size(block: Block) -> int:
    """Return how many points a block has."""
    return math.prod(len(values) for values in block.values())


def points(block: Block, share: int, rng: random.Random) -> Iterator[tuple[int, ...]]:
    """Give points of a block as the positions of their values: all, or as many as the share allows, all different.

    Each two values of different dimensions meet at some point; a few points more than the share are given for that.
    """
    total, sizes = size(block), [len(values) for values in block.values()]
    drawn: set[int] = set()
    while len(drawn) < share < total:
        drawn.add(rng.randrange(total))
    missing = pairs(sizes)
    for number in sorted(drawn) if share < total else range(total):
        point = _positions(sizes, number)
        if missing:
            missing.difference_update(combinations(enumerate(point), 2))
        yield point
    for pair in sorted(missing):
        if pair in missing:
            fixed = dict(pair)
            point = tuple(fixed.get(index, rng.randrange(count)) for index, count in enumerate(sizes))
            missing.difference_update(combinations(enumerate(point), 2))
            yield point


def pairs(sizes: list[int]) -> set[tuple[tuple[int, int], ...]]:
    """Return each two (dimension, position) of different dimensions of these sizes."""
    values = [(dimension, position) for dimension, count in enumerate(sizes) for position in range(count)]
    return {(one, other) for one, other in combinations(values, 2) if one[0] != other[0]}


def compare(cases: int, seed: int, product: Decide = decide) -> Report:
    """Compare product and oracle on about this many cases, drawn by the seed."""
    report, shares = Report(), _shares(cases)
    for name, block in BLOCKS.items():
        before = report.cases
        for positions in points(block, shares[name], random.Random(f"{seed} {name}")):
            chosen = zip(block.items(), positions, strict=True)
            _compare(report, name, {key: values[position] for (key, values), position in chosen}, product)
        report.blocks[name] = {"size": size(block), "cases": report.cases - before}
    return report


def reduced(point: Point, product: Decide) -> dict[str, Any]:
    """Return a point with the dimensions alone that a disagreement needs."""
    kept = dict(point)
    for name in point:
        fewer = {key: value for key, value in kept.items() if key != name}
        if permit_oracle.decide(build(fewer)) != plain(product(build(fewer))):
            kept = fewer
    return kept


def _positions(sizes: list[int], number: int) -> tuple[int, ...]:
    """Return the digits of a point's number: the positions of its values."""
    positions = []
    for count in sizes:
        number, position = divmod(number, count)
        positions.append(position)
    return tuple(positions)


def _compare(report: Report, block: str, point: Point, product: Decide) -> None:
    situation = build(point)
    page, answer = permit_oracle.decide(situation), plain(product(situation))
    report.cases += 1
    report.by_rule[page.rule] += 1
    report.by_code[page.code] += 1
    if page == answer:
        return
    report.disagreements += 1
    kind = {"block": block, "rules": [page.rule, answer.rule], "codes": [page.code, answer.code]}
    if len(report.shown) < SHOWN and all(kind != {name: shown[name] for name in kind} for shown in report.shown):
        least = reduced(point, product)
        said = {"page": repr(permit_oracle.decide(build(least))), "product": repr(plain(product(build(least))))}
        report.shown.append({**kind, **said, "point": {name: repr(value) for name, value in least.items()}})


def _shares(cases: int) -> dict[str, int]:
    """Return how many cases each block gets: all that it has up to a quarter of them, else a part of the rest."""
    whole = {name: size(block) for name, block in BLOCKS.items() if size(block) <= cases // 4}
    others = {name: _WEIGHTS.get(name, 1) for name in BLOCKS if name not in whole}
    each = (cases - sum(whole.values())) // sum(others.values())
    return whole | {name: min(size(BLOCKS[name]), each * weight) for name, weight in others.items()}


def main(arguments: list[str] | None = None) -> int:
    """Compare, print the report as JSON and return 1 if there are disagreements."""
    parser = argparse.ArgumentParser(prog="python -m tests.property.permit_table", description="Compare permits.")
    parser.add_argument("--cases", type=int, default=400_000, help="about how many cases")
    parser.add_argument("--seed", type=int, default=1, help="which cases are drawn")
    given = parser.parse_args(arguments)
    report = compare(given.cases, given.seed)
    print(json.dumps(vars(report), indent=1, sort_keys=True))
    return 1 if report.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
