"""The pages of the contracts, and of what has a page of its own, say what the code says."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.conftest import REPOSITORY
from tests.unit.service.basic.coordination.conftest import CONTRACTS
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import all_errors
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.batching import Entry
from xinglin.service.basic.coordination.commitments import RecordParts, commit_many
from xinglin.service.basic.coordination.locators import audience_key_commitment, locator_key, seal_batch
from xinglin.service.basic.coordination.model import Behaviour, RegisterBatch
from xinglin.stakeholders.rights import RIGHTS

PAGES = {
    name: (REPOSITORY / "docs" / "spec" / name).read_text(encoding="utf-8")
    for name in (
        "contracts.md",
        "anchor.md",
        "access.md",
        "agreement.md",
        "consent.md",
        "notice.md",
        "correction.md",
        "episode.md",
        "destruction.md",
        "locator.md",
        "patient-index.md",
    )
}
METHODS = [(c.name, name, method) for c in CONTRACTS for name, method in c.methods.items()]
ELSEWHERE = {"hold": "destruction.md", "identity": "patient-index.md"}
OWN = {
    "policy": (1390, 1399),
    "registry": (1400, 1449),
    "governance": (1450, 1499),
    "": (5300, 5389),
    "correction": (5750, 5769),
    "notice": (5770, 5799),
    "access": (5700, 5739),
    "consent": (5600, 5615),
    "agreement": (5670, 5675),
    "episode": (5860, 5883),
    "hold": (5800, 5859),
    "identity": (5520, 5524),
}


@pytest.mark.requirement("S5.2")
def test_the_page_has_the_rights_table() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| ([\d ]+) \| ([\d ]+) \|$", PAGES["contracts.md"], re.MULTILINE)
    assert {
        (contract, method): (set(kinds.split()), set(roles.split())) for contract, method, kinds, roles in rows
    } == {
        name: ({str(int(k)) for k in right.kinds}, {str(int(r)) for r in right.roles}) for name, right in RIGHTS.items()
    }
    assert set(RIGHTS) == {(contract, name) for contract, name, _ in METHODS}


@pytest.mark.parametrize(("contract", "name", "method"), METHODS, ids=lambda part: str(part)[:20])
def test_the_page_has_the_arguments_of_each_method(contract: str, name: str, method: object) -> None:
    page = PAGES.get(ELSEWHERE.get(contract, f"{contract}.md"), PAGES["contracts.md"])
    section = re.split(r"^##+ ", page.partition(f"### {contract}.{name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    arguments = [field.name for field in msgspec.structs.fields(method.arguments)]  # type: ignore[attr-defined]
    assert re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:] == arguments


def test_the_pages_name_every_refusal_of_the_contracts() -> None:
    text = "".join(PAGES.values())
    for case in all_errors():
        if any(low <= case.number <= high for low, high in OWN.values()):
            assert f"`{case.code}`" in text


def test_the_worked_example_of_the_locator_is_right() -> None:
    gm = suite("gm")
    behaviour = Behaviour(
        record=identifier(b"\x01" * 16),
        institution=identifier(b"\x02" * 16),
        recorder=identifier(b"\x03" * 16),
        time=1_700_000_000_000,
        type="Observation",
        occasion=b"enc-1",
    )
    original = b'{"resourceType":"Observation"}'
    parts = RecordParts(b"\x04" * 16, encode(behaviour), b"\x05" * 16, original, b"\x06" * 16)
    digests = commit_many(gm.hash_many, [parts])[0]
    key, batch = b"\x07" * 16, RegisterBatch(identifier(b"\x08" * 16), "treatment", 1, b"\x09" * 16)
    entry = Entry(digests.commitment, b"\x0b" * 16)
    item = seal_batch(gm, key, batch, identifier(b"\x0a" * 16), [entry])[0]
    shown = dict(re.findall(r"^\| ([^|]+) \| `([0-9a-f]+)` \|$", PAGES["locator.md"], re.MULTILINE))
    assert shown == {
        "behaviour, encoded": encode(behaviour).hex(),
        "B": digests.behaviour.hex(),
        "O": digests.original.hex(),
        "D": digests.copy.hex(),
        "C": digests.commitment.hex(),
        '`H("audience-key", "treatment", 1, key)`': audience_key_commitment(gm.hash, "treatment", 1, key).hex(),
        "batch key": locator_key(gm, key, batch.salt).hex(),
        "locator at index 0": item[37:].hex(),
        "item": item.hex(),
    }
