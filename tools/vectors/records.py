"""Vectors of docs/spec/locator.md: record commitments and openings, epoch keys, locators good and bad."""

from __future__ import annotations

from collections.abc import Iterator

from tools.vectors.form import Case, file, shown
from tools.vectors.keys import FixedKey, fixed_id
from tools.vectors.proofs import ProvenWorld
from tools.vectors.world import NODES
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.coordination.locators import audience_key_commitment, locator_key


def commitments(worlds: dict[str, ProvenWorld]) -> str:
    """Return commitments.json."""
    cases: list[Case] = [
        {
            "suite": name,
            "what": "record",
            "behaviour": {"salt": record.parts.behaviour_salt.hex(), "data": record.parts.behaviour.hex()},
            "original": {"salt": record.parts.original_salt.hex(), "data": record.parts.original.hex()},
            "copy": {"salt": record.parts.copy_salt.hex(), "data": record.parts.copy.hex()},
            "digests": {part: getattr(record.digests, part).hex() for part in ("behaviour", "original", "copy")},
            "commitment": record.digests.commitment.hex(),
        }
        for name, world in worlds.items()
        for record in world.records
    ]
    salt, statement = bytes(range(16)), "某医院，张三".encode()
    cases += [
        {
            "suite": name,
            "what": "person",
            "salt": salt.hex(),
            "statement": statement.hex(),
            "commitment": tagged(suite(name).hash, Tag.PERSON, salt, statement).hex(),
        }
        for name in worlds
    ]
    how = (
        "The records of the chains in chain-gm.json and chain-intl.json, none with a de-identified copy; and"
        " commitments to the person who is responsible for an account."
    )
    return file(how, cases)


def locators(worlds: dict[str, ProvenWorld]) -> str:
    """Return locators.json."""
    cases = [case for world in worlds.values() for case in (*_keys(world), *_locators(world))]
    how = (
        "Keys: the transmission key as it is sealed to each node of the chain, with the node's private key (gm only:"
        " HPKE is randomised). Locators: items of batches; the bad ones open under no key."
    )
    return file(how, cases)


def _keys(world: ProvenWorld) -> Iterator[Case]:
    name, key = world.suite.name, world.epoch_key
    for label in NODES if name == "gm" else ():
        sealing = FixedKey(world.suite, f"sealing {label}")
        yield {
            "suite": name,
            "what": "key",
            "node": fixed_id(f"node {label}"),
            "private": sealing.private.hex(),
            "sealed": world.sealed_key(label).hex(),
            "epoch_key": key.hex(),
        }
    commitment = audience_key_commitment(world.suite.hash, "treatment", 1, key)
    shared = {"suite": name, "what": "commitment", "audience": "treatment", "number": 1}
    yield shared | {"epoch_key": key.hex(), "commitment": commitment.hex()}


def _locators(world: ProvenWorld) -> Iterator[Case]:
    chosen, node = world.suite, fixed_id("node hospital-a")
    handles = {record.digests.commitment: record.handle for record in world.records}
    for batch, items in (world.batches["first"], world.batches["third"]):
        case = {
            "suite": chosen.name,
            "what": "locator",
            "epoch_key": world.epoch_key.hex(),
            "arguments": shown(batch),
            "batch_key": locator_key(chosen, world.epoch_key, batch.salt).hex(),
        }
        for index, item in enumerate(items):
            handle = handles.get(item[3:35])
            good = case | {"valid": True, "index": index, "item": item.hex(), "node": node}
            yield good | ({"handle": handle.hex()} if handle else {"handle": None, "dummy": True})
        item = items[0]
        yield case | {"valid": False, "name": "another index", "index": 1, "item": item.hex()}
        flipped = item[:-1] + bytes([item[-1] ^ 1])
        yield case | {"valid": False, "name": "a changed byte", "index": 0, "item": flipped.hex()}
        other = shown(batch) | {"batch": fixed_id("batch second")}
        yield case | {"valid": False, "name": "another batch", "index": 0, "item": item.hex(), "arguments": other}
        other = shown(batch) | {"salt": "hex:" + "00" * 16}
        yield case | {"valid": False, "name": "another salt", "index": 0, "item": item.hex(), "arguments": other}
