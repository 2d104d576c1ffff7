"""Nothing that tells who a patient is: not on a chain, not in a locator, not in the open in any file of a home.

Two hospitals, a platform and a regulator, founded and filled as the demonstration does it. XINGLIN_WHOLE=1 takes all
bundles in.
"""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from tests.scenario.privacy import Scan, batches, committed, locators, spoken
from tests.support.product import broken_bundle, opened, some_bundles, stored_records
from xinglin.carrier.ledger.build import operation
from xinglin.cli.demo.founding import found
from xinglin.cli.demo.records import take_in
from xinglin.cli.demo.stage import HOMES, Stage
from xinglin.kernel.identifiers import identifier
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node, open_node
from xinglin.node.opening import transmission_key
from xinglin.node.records.archive import open_archive
from xinglin.service.basic.coordination.batching import Entry
from xinglin.service.basic.coordination.locators import seal_batch
from xinglin.service.basic.coordination.model import RegisterBatch
from xinglin.service.basic.coordination.records.rules import item_bytes

BUNDLES = 1000 if os.environ.get("XINGLIN_WHOLE") else 3
NAMES = [name for name, _, _ in HOMES]


@dataclass(frozen=True)
class World:
    """The homes, what was taken in, and what to look for."""

    stage: Stage
    bundles: list[Path]
    scan: Scan


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the consortium after both hospitals have taken their records in."""
    folder = tmp_path_factory.mktemp("privacy")
    bundles = [*some_bundles(folder / "bundles", BUNDLES), broken_bundle(folder)]
    (folder / "homes").mkdir()
    stage = Stage(folder / "homes", Console(file=io.StringIO()))
    found(stage)
    take_in(stage, bundles)
    return World(stage, bundles, Scan(bundles))


def opened_home(world: World, name: str) -> Node:
    return open_node(world.stage.home(name), world.stage.passphrase)


def test_the_needles_are_those_of_the_input(world: World) -> None:
    """The looking would find nothing, either, if it looked for nothing."""
    text = b"".join(path.read_bytes() for path in world.bundles)
    assert len(world.scan.uuids) + len(world.scan.texts) > 25
    assert {"Quarantini", "Ottilie", "1934-05-06", "19340506", "555-0199-2277"} <= set(world.scan.texts)
    found = {one.needle for one in world.scan.look([("the input itself", text)])}
    assert {one for one in world.scan.texts if one.encode() in text} | {
        one.decode() for one in world.scan.uuids
    } <= found


@pytest.mark.requirement("S6.2d", "S8.2d")
@pytest.mark.parametrize("name", NAMES)
def test_no_committed_byte_and_no_locator_tells_who_a_patient_is(world: World, name: str) -> None:
    node = opened_home(world, name)
    try:
        haystacks = [*committed(node), spoken(node)]
    finally:
        node.close()
    assert sum(len(data) for _, data in haystacks) > 50_000
    assert world.scan.look(haystacks, coded=True) == []


@pytest.mark.requirement("S6.2d")
def test_a_locator_says_which_node_and_nothing_else(world: World) -> None:
    """Its handle is random: it equals no id, no commitment, and no other handle."""
    nodes, records = set(), set()
    for name in NAMES[:2]:
        node = opened_home(world, name)
        nodes.add(node.settings.node)
        with open_archive(node, writing=False) as archive:
            records |= {row.record for row in stored_records(archive)}
        node.close()
    node = opened_home(world, "regulator")
    opened_locators = locators(node)
    items = sum(len(items) for _, items in batches(node.consortium))
    node.close()
    handles = [one.handle for one in opened_locators]
    assert {one.node for one in opened_locators} == nodes
    assert len(handles) == items == len(set(handles))
    assert {len(handle) for handle in handles} == {16}
    assert not set(handles) & records


@pytest.mark.requirement("S8.2d", "S7.1b2")
@pytest.mark.requirement("S7.2b", part="technical measures, and who administers them; physical ones not yet")
@pytest.mark.parametrize("name", [*NAMES, "insurer"])
def test_no_file_of_a_home_tells_who_a_patient_is(world: World, name: str) -> None:
    """Originals and what was refused lie at the hospitals alone, and sealed."""
    home = world.stage.home(name)
    assert world.scan.files(home) == []
    assert (home / "vault" / "segments").is_dir() == name.startswith("hospital")
    for path in home.rglob("*"):
        if path.is_file():
            assert b'"resourceType"' not in path.read_bytes(), path


@pytest.mark.requirement("S8.2d")
def test_keys_and_data_are_apart_and_neither_opens_alone(world: World) -> None:
    """No file holds an original, a record's key or its salts in the open, and vault and keyring share no file."""
    home = world.stage.home("hospital-a")
    node = opened_home(world, "hospital-a")
    with open_archive(node, writing=False) as archive:
        row = stored_records(archive)[0]
        original = archive.vault.read(identifier(row.record))
        secrets = archive.vault.keyring.secrets_of([(row.number, row.record)])[0]
    node.close()
    hidden = [original, secrets.key, secrets.salt_original, secrets.salt_copy, secrets.handle]  # type: ignore[union-attr]
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(one in data for one in hidden), path


PLANTS = ("in the clear", "in hexadecimal", "in a locator")


@pytest.mark.parametrize("how", PLANTS)
def test_a_name_that_is_planted_on_the_chain_is_found(hospital: Path, tmp_path: Path, how: str) -> None:
    """The contract can't tell a commitment or a locator from other bytes; the looking can."""
    home = tmp_path / "home"
    shutil.copytree(hospital, home)
    scan = Scan([hospital.parent / "broken.json"])
    with opened(home, running=True) as node:
        assert scan.look([*committed(node), spoken(node)], coded=True) == []
        plant(node, how)
        found = scan.look([*committed(node), *([spoken(node)] if how == "in a locator" else [])], coded=True)
    assert {one.needle for one in found} >= {"Quarantini"}
    where = {one.where for one in found}
    assert where == ({"locators"} if how == "in a locator" else {"consortium chain, table entry"})


def plant(node: Node, how: str) -> None:
    """Register a batch of one item with a patient's name in it."""
    rules = node.consortium.rules
    call = RegisterBatch(identifier(os.urandom(16)), "treatment", 1, os.urandom(16))
    commitment, name = os.urandom(32), b"Quarantini"
    if how == "in the clear":
        items = [item_bytes(commitment, name.ljust(48, b"\x00"))]
    elif how == "in hexadecimal":
        items = [item_bytes(name.hex().encode().ljust(32, b"\x00"), os.urandom(48))]
    else:
        key = transmission_key(node, "treatment").key
        entry = Entry(commitment, name.ljust(16, b"\x00"))
        items = seal_batch(rules.suite, key, call, node.settings.node, [entry])
    node.client().call([operation(rules.suite, "records", "register", call, items)], [node.signer(SERVICE)])


def test_a_file_in_the_open_is_found(hospital: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(hospital, home)
    scan = Scan([hospital.parent / "broken.json"])
    assert scan.files(home) == []
    (home / "vault" / "cache").write_bytes(b"\x93\xa7Ottilie" + os.urandom(20))
    assert {one.needle for one in scan.files(home)} == {"Ottilie"}
