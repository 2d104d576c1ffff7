"""Reads the tables of traces, which are data (``schemes.tsv``, ``viewers.tsv``; docs/spec/trace.md TR3, TR5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from xinglin.service.basic.tracing.model import Depth, Depths, Group, Sight, Tables, Viewer
from xinglin.stakeholders.labels import Category, Level

_ANY = "*"


@cache
def tables() -> Tables:
    """Return both tables."""
    schemes = {
        (Level(int(level)), None if category == _ANY else Category[category.upper()]): _depths(depths)
        for level, category, *depths in _rows("schemes.tsv")
    }
    sights = {
        Viewer(viewer): Sight(_depths(depths), others == "named") for viewer, *depths, others in _rows("viewers.tsv")
    }
    return Tables(schemes, sights)


def _rows(name: str) -> list[list[str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def _depths(names: Sequence[str]) -> Depths:
    return {group: Depth[name.upper()] for group, name in zip(Group, names, strict=True)}
