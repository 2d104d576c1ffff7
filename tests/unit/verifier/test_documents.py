"""The verifier says what docs/spec/ says: steps and titles, tables of fields, the worked example, every sentence."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from string import Formatter

import pytest
from xinglin_verify import GM, contract_objects, objects, verify_bundle, verify_state_proof, words
from xinglin_verify.contract_objects import Behaviour, RecordItem
from xinglin_verify.schema import Object, parse
from xinglin_verify.steps import MAX_BYTES, MAX_KEYS, MAX_SHOWN_STATES, MAX_SIGNATURES, MAX_STATES
from xinglin_verify.verify import STEPS

from tests.support.access_bundles import AccessMaker

ROOT = Path(__file__).resolve().parents[3]
SPEC = ROOT / "docs/spec"
SOURCES = sorted((ROOT / "verifier/src/xinglin_verify").glob("*.py"))

TABLES = {
    objects.Genesis: ("genesis.md", "genesis"),
    objects.Founder: ("genesis.md", "founder"),
    objects.Account: ("genesis.md", "account"),
    objects.Parameters: ("genesis.md", "parameters"),
    objects.Epoch: ("genesis.md", "epoch"),
    objects.Member: ("genesis.md", "member"),
    objects.Header: ("transaction.md", "header"),
    objects.OperationHead: ("transaction.md", "operation head"),
    objects.Receipt: ("transition.md", "receipt"),
    objects.Leaf: ("transition.md", "leaf"),
    objects.Bundle: ("proof-bundle.md", "bundle"),
    objects.AccessBundle: ("proof-bundle.md", "access bundle"),
    objects.EpisodeBundle: ("proof-bundle.md", "episode bundle"),
    objects.LogEntry: ("proof-bundle.md", "log entry"),
    objects.StateProof: ("state-tree.md", "field"),
    contract_objects.Behaviour: ("locator.md", "behaviour"),
    contract_objects.AccessEntry: ("access.md", "entry"),
}
ARGUMENTS = {
    contract_objects.RegisterBatch: ("contracts.md", "records.register"),
    contract_objects.CommitAnchor: ("anchor.md", "anchor.commit"),
    contract_objects.SealEpisode: ("episode.md", "episode.seal"),
}
STATES = {
    contract_objects.MemberState: "contracts.md",
    contract_objects.KeyState: "contracts.md",
    contract_objects.RecordStatus: "contracts.md",
    contract_objects.AnchorState: "anchor.md",
    contract_objects.AccessHead: "access.md",
    contract_objects.EpisodeState: "episode.md",
}


def page(name: str) -> str:
    return (SPEC / name).read_text(encoding="utf-8")


def rows(table: str) -> list[str]:
    """Return the names in the first column of a table, whose lines are given without the heading."""
    return [name for row in table.strip().splitlines() for name in row.split("|")[1].strip().split(", ")]


def fields(cls: type[Object]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


@pytest.fixture(scope="session")
def episode() -> bytes:
    """Return the episode bundle of the vectors."""
    cases = json.loads((ROOT / "tests/vectors/xinglin/bundles-gm.json").read_text(encoding="utf-8"))["cases"]
    return next(bytes.fromhex(case["hex"]) for case in cases if case["name"] == "episode")


def test_steps_have_the_numbers_and_titles_of_the_page(episode: bytes) -> None:
    written = [
        (int(number), title)
        for number, title in re.findall(r"^- P(\d+)\. \*(.+?)\.\*", page("proof-bundle.md"), re.MULTILINE)
    ]
    assert written == [(number, titles[0]) for number, titles in words.TITLES.items()]
    assert [int(re.match(r"p(\d+)_", step.__name__)[1]) for step in STEPS] == [number for number, _ in written]
    assert [int(re.match(r"P(\d+):", step.__doc__)[1]) for step in STEPS] == [number for number, _ in written]
    printed = [line for data in (AccessMaker().make(), episode) for line in verify_bundle(data).lines()[:-1]]
    shown = dict(re.match(r"P(\d+) +\w+ +([^:]+):", line).groups() for line in printed)
    assert shown == {str(number): title for number, title in written}


@pytest.mark.parametrize("cls", TABLES, ids=lambda cls: cls.__name__)
def test_objects_have_the_fields_of_their_tables(cls: type[Object]) -> None:
    file, name = TABLES[cls]
    found = re.search(rf"^\| {name} \|[^\n]*\n\|[-|]+\n((?:\|.*\n)+)", page(file), re.MULTILINE)
    assert found, name
    head = ["kind", "version"] if cls.KIND else []
    assert rows(found[1]) == [*head, *fields(cls)]
    if cls.KIND:
        assert re.search(rf'`"{cls.KIND}"`, 1|`{cls.KIND}` \|\n\| version \| integer \| 1 \|', found[1])


@pytest.mark.parametrize("cls", ARGUMENTS, ids=lambda cls: cls.__name__)
def test_arguments_have_the_fields_of_their_tables(cls: type[Object]) -> None:
    file, name = ARGUMENTS[cls]
    section = page(file).split(f"### {name}\n")[1]
    found = re.search(r"^\| argument \|[^\n]*\n\|[-|]+\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert rows(found[1]) == fields(cls)


@pytest.mark.parametrize("cls", STATES, ids=lambda cls: cls.__name__)
def test_state_values_have_the_fields_of_the_pages(cls: type[Object]) -> None:
    found = re.search(rf'`\["{cls.KIND}", 1, ([^]]+)\]`', page(STATES[cls]))
    assert found[1].replace("?", "").split(", ") == fields(cls)


def test_the_limits_are_those_of_the_page() -> None:
    step = re.search(r"^- P1\. .*?(?=^- P2)", page("proof-bundle.md"), re.MULTILINE | re.DOTALL)[0]
    assert MAX_BYTES == 16 << 20
    limits = (
        f"{MAX_STATES} state entries",
        f"{MAX_SIGNATURES} signatures",
        f"{MAX_KEYS} keys",
        f"{MAX_SHOWN_STATES} state",
    )
    for limit in ("16 MiB", "2^20 values", *limits):
        assert limit in step


def test_the_worked_example_of_a_record_commitment() -> None:
    """docs/spec/locator.md: digests, commitment and item of one record."""
    example = dict(re.findall(r"^\| ([^|]+) \| `([0-9a-f]{64,})` \|$", page("locator.md"), re.MULTILINE))
    behaviour = bytes.fromhex(example["behaviour, encoded"])
    parts = {
        "behaviour": (bytes([4] * 16), behaviour),
        "original": (bytes([5] * 16), b'{"resourceType":"Observation"}'),
        "copy": (bytes([6] * 16), b""),
    }
    digests = [GM.tagged(tag, *part) for tag, part in parts.items()]
    assert [digest.hex() for digest in digests] == [example[name] for name in "BOD"]
    commitment = GM.tagged("record", *digests)
    assert commitment.hex() == example["C"]
    assert parse(RecordItem, bytes.fromhex(example["item"]), "item").commitment == commitment
    assert parse(Behaviour, behaviour, "behaviour").encoded() == behaviour


def test_the_worked_example_of_the_state_tree() -> None:
    """docs/spec/state-tree.md: one proof of each type."""
    joined = page("state-tree.md").replace("\n    ", "")
    values = re.findall(r"^(\w+(?: \w)?) = ([0-9a-f]+)$", joined, re.MULTILINE)
    example = {name: bytes.fromhex(value) for name, value in values}
    for name, value in {"a": b"value of a", "e": None, "b": None}.items():
        key, proof = example[f"key {name}"], example[f"proof {name}"]
        assert verify_state_proof(GM.hash, example["root"], key, value, proof)
        assert not verify_state_proof(GM.hash, example["root"], key, b"another", proof)


def test_every_reason_has_its_words_and_every_word_its_use() -> None:
    code = "".join(source.read_text() for source in SOURCES if source.name != "words.py")
    used = set(re.findall(r'"([a-z]+\.[a-z_0-9]+)"', code))
    used |= {f"cosignatures.{manner}{end}" for manner in ("epoch", "pinned") for end in ("", "_short")}
    assert used == set(words.SENTENCES)


@pytest.mark.parametrize("table", [words.SENTENCES, {"": words.LAST_LINE}])
def test_both_languages_name_the_same_facts(table: dict[str, tuple[str, str]]) -> None:
    for key, (english, chinese) in table.items():
        named = [sorted(name for _, name, _, _ in Formatter().parse(text) if name) for text in (english, chinese)]
        assert named[0] == named[1], key
        assert re.search("[一-鿿]", chinese), key


def test_every_term_is_in_both_languages() -> None:
    for table in (words.TITLES, words.VERDICTS, words.STEP_VERDICTS, words.TERMS):
        for english, chinese in table.values():
            assert english.isascii()
            assert re.search("[一-鿿]", chinese)
