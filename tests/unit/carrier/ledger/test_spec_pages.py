"""The pages of the ledger's formats name the fields of its objects in their order, its tags and vector files."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from tests.architecture.sources import ROOT
from xinglin.carrier.ledger.bundle_model import Bundle, LogEntry
from xinglin.carrier.ledger.model import (
    Epoch,
    EpochMember,
    Founder,
    FoundingAccount,
    Genesis,
    Header,
    Leaf,
    OperationHead,
    Parameters,
    Receipt,
)
from xinglin.carrier.ledger.past import LoggedEntry, LogPage
from xinglin.carrier.ledger.snapshot import LEAVES_IN_CHUNK, Manifest, StateChunk
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.hashing import Tag

PAGES = ROOT / "docs" / "spec"
TABLES: dict[tuple[str, str], type[ChainObject]] = {
    ("genesis", "genesis"): Genesis,
    ("genesis", "founder"): Founder,
    ("genesis", "account"): FoundingAccount,
    ("genesis", "epoch"): Epoch,
    ("genesis", "member"): EpochMember,
    ("transaction", "header"): Header,
    ("transaction", "operation head"): OperationHead,
    ("transition", "receipt"): Receipt,
    ("transition", "leaf"): Leaf,
    ("proof-bundle", "bundle"): Bundle,
    ("proof-bundle", "log entry"): LogEntry,
    ("snapshot", "manifest"): Manifest,
    ("snapshot", "state chunk"): StateChunk,
    ("history", "log page"): LogPage,
    ("history", "logged entry"): LoggedEntry,
}


def page(name: str) -> str:
    """Return a page of the specification."""
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def table(name: str, *titles: str) -> list[list[str]]:
    """Return the rows of the table of a page whose first columns have these titles."""
    lines = page(name).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| " + " | ".join(titles) + " |"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize(("name", "title"), TABLES)
def test_a_table_names_the_fields_of_its_object(name: str, title: str) -> None:
    written = [field for row in table(name, title, "type") for field in re.split(r", ", row[0])]
    assert written == [field.name for field in msgspec.structs.fields(TABLES[name, title])]


@pytest.mark.parametrize(("name", "title"), TABLES)
def test_a_table_names_kind_and_version(name: str, title: str) -> None:
    cells = [row[1] for row in table(name, title, "type") if row[0] == "kind, version"]
    fields = {field.name: field.type for field in msgspec.structs.fields(TABLES[name, title])}
    expected = []
    if "version" in fields and "kind" in fields:
        expected = [f'`"{fields["kind"].__args__[0]}"`, {fields["version"].__args__[0]}']
    assert cells == expected


def test_the_parameters_have_these_defaults() -> None:
    written = {row[0]: int(row[1]) for row in table("genesis", "parameters", "default")}
    assert written == msgspec.structs.asdict(Parameters())
    assert list(written) == [field.name for field in msgspec.structs.fields(Parameters)]


def test_every_tag_is_on_the_page_once() -> None:
    written = [tag for row in table("encoding", "tag") for tag in re.findall(r"`([a-z-]+)`", row[0])]
    assert sorted(written) == sorted(Tag)


def test_every_file_of_vectors_is_on_the_page() -> None:
    written = [name for row in table("vectors", "file") for name in re.findall(r"`([a-z-]+)`", row[0])]
    assert sorted(written) == sorted(path.stem for path in Path(ROOT / "tests/vectors/xinglin").glob("*.json"))


def test_the_size_of_a_chunk_of_leaves_is_on_the_page() -> None:
    assert f"{LEAVES_IN_CHUNK:,} in a chunk" in page("snapshot")
