"""Looks for what tells who a patient is in whatever a home keeps: the needles, the haystacks, and how one is found.

Needles come from the input: parts of names, identifiers, lines of addresses, telephone numbers, dates of birth, logical
ids of patients and encounters; each as text in UTF-8, UTF-16, hexadecimal and base64, a UUID also as its 16 bytes. A
needle shorter than eight bytes turns up in ciphertext by chance (four given bytes once in four gigabytes), so it counts
only with text around it, or with the length in front of it that an encoding writes.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.store import TABLES
from xinglin.kernel.encoding import decode
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.node import Node
from xinglin.node.opening import transmission_key
from xinglin.service.basic.coordination.locators import Locator, open_locator
from xinglin.service.basic.coordination.model import RecordItem, RegisterBatch

Haystack = tuple[str, bytes]
"""Where bytes are, and the bytes."""
SHORT = 8
_TEXT_AROUND = 10
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMED = ("Patient", "Practitioner", "RelatedPerson", "Person")


@dataclass(frozen=True, slots=True)
class Found:
    """A needle and where it is."""

    needle: str
    where: str


class Scan:
    """Looks for the needles of some bundles.

    Args:
        bundles: the input.
    """

    def __init__(self, bundles: Iterable[Path]) -> None:
        texts = {text for path in bundles for text in telling(json.loads(path.read_bytes()))}
        self.uuids = {text.lower().encode() for text in texts if _UUID.fullmatch(text.encode())}
        self.texts = sorted(text for text in texts if text.lower().encode() not in self.uuids)
        self._plain = {form: text for text in self.texts for form in _plain_forms(text)}
        self._coded = {form: text for text in self.texts for form in _coded_forms(text)}
        self._coded |= {form: one.decode() for one in self.uuids for form in _uuid_forms(one)}

    def files(self, home: Path) -> list[Found]:
        """Look into every file of a home, their names too."""
        paths = sorted(path for path in home.rglob("*") if path.is_file())
        return self.look((str(path), path.read_bytes() + b"\n" + path.name.encode()) for path in paths)

    def look(self, haystacks: Iterable[Haystack], *, coded: bool = False) -> list[Found]:
        """Return what is found; ``coded`` looks for hexadecimal, base64 and bare bytes too."""
        found = []
        for where, data in haystacks:
            found += [Found(one.decode(), where) for one in {m.lower() for m in _UUID.findall(data)} & self.uuids]
            forms = self._plain | self._coded if coded else self._plain
            found += [Found(text, where) for form, text in forms.items() if form in data and _meant(data, form)]
        return found


def telling(value: Any, kind: str = "") -> Iterator[str]:
    """Yield every text of a resource or bundle that tells who somebody is."""
    if isinstance(value, list):
        for one in value:
            yield from telling(one, kind)
    if not isinstance(value, dict):
        return
    kind = value.get("resourceType", kind)
    if kind in ("Patient", "Encounter") and "id" in value and "resourceType" in value:
        yield value["id"]
    if kind in _NAMED:
        yield from _names(value)
    yield from (one["value"] for one in _dicts(value.get("identifier")) if len(str(one.get("value", ""))) >= 4)
    yield from (one["value"] for one in _dicts(value.get("telecom")) if one.get("value"))
    yield from (line for one in _dicts(value.get("address")) for line in one.get("line", ()))
    if isinstance(value.get("birthDate"), str):
        yield from {value["birthDate"], value["birthDate"].replace("-", "")}
    for inner in value.values():
        yield from telling(inner, kind)


def _names(value: dict[str, Any]) -> Iterator[str]:
    for name in _dicts(value.get("name")):
        whole = " ".join([name.get("family", ""), name.get("text", ""), *name.get("given", ())])
        for part in whole.split():
            yield from {one for one in (part, part.rstrip("0123456789")) if len(one) >= 4}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _plain_forms(text: str) -> set[bytes]:
    digits = re.sub(r"[ ().+-]", "", text)
    forms = {text, text.lower(), text.upper()} | ({digits} if digits.isdigit() and len(digits) >= SHORT else set())
    return {form.encode() for form in forms} | {text.encode("utf-16-le")}


def _coded_forms(text: str) -> set[bytes]:
    data = text.encode()
    return {data.hex().encode(), data.hex().upper().encode()} | _base64_forms(data)


def _uuid_forms(text: bytes) -> set[bytes]:
    bare = uuid.UUID(text.decode())
    return {bare.bytes, bare.hex.encode(), bare.hex.upper().encode()} | _base64_forms(text)


def _base64_forms(data: bytes) -> set[bytes]:
    """Return what base64 makes of the data wherever it begins, without the characters that neighbours share."""
    forms = set()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).rstrip(b"=")
        sure = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(sure) >= SHORT:
            forms |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def _meant(data: bytes, form: bytes) -> bool:
    """Tell whether a needle is there on purpose: a long one always, a short one with a length or text around it."""
    if len(form) >= SHORT:
        return True
    start = data.find(form)
    while start >= 0:
        end = start + len(form)
        low = next((at + 1 for at in range(start - 1, -1, -1) if not 32 <= data[at] < 127), 0)
        high = next((at for at in range(end, len(data)) if not 32 <= data[at] < 127), len(data))
        if high - low >= len(form) + _TEXT_AROUND or (start and data[start - 1] in (len(form), 0xA0 | len(form))):
            return True
        start = data.find(form, start + 1)
    return False


def committed(node: Node) -> Iterator[Haystack]:
    """Yield every key and value of every table of a node's chains: transactions, receipts, state, blocks, genesis."""
    for ledger in filter(None, (node.consortium, node.private)):
        name = ledger.rules.genesis.profile.name.lower()
        with ledger.store.snapshot() as view:
            for table in TABLES:
                yield f"{name} chain, table {table}", b"\n".join(key + b"\n" + row for key, row in view.items(table))


def locators(node: Node) -> list[Locator]:
    """Return the locators of all items on the consortium chain, opened with the node's own transmission key."""
    ledger, key = node.consortium, transmission_key(node, "treatment").key
    return [
        open_locator(ledger.rules.suite, key, batch, index, decode(RecordItem, item))
        for batch, items in batches(ledger)
        for index, item in enumerate(items)
    ]


def batches(ledger: Ledger) -> Iterator[tuple[RegisterBatch, tuple[bytes, ...]]]:
    """Yield each batch that was registered, and its items."""
    for index in range(ledger.tip.log_size):
        entry = ledger.entry(index)
        for operation in entry.transaction.operations:
            if (operation.head.contract, operation.head.method, entry.receipt.number) == ("records", "register", 0):
                yield decode(RegisterBatch, operation.head.arguments), operation.items


def spoken(node: Node) -> Haystack:
    """Return what the locators of the chain say, as bytes."""
    return "locators", b"\n".join(identifier_bytes(one.node) + one.handle for one in locators(node))
