"""Cuts a bundle file into the exact bytes of its entries and resources, and into the shells that are left.

Refuses, with one stable code each, what is neither bundle nor resource in UTF-8 JSON. Nothing is decoded but the
outermost levels and no byte of a resource is written anew. Every byte of the file is either in an entry's slice or in
the bundle's shell, so a second ``entry`` or ``resource`` under the same key can't get lost: the shells are validated
like resources.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, Literal

import msgspec

from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection.errors import (
    BundleCompressed,
    BundleEmpty,
    BundleEncoding,
    BundleInvalid,
    BundleMalformed,
    BundleNesting,
    BundleTooLarge,
    BundleTooManyEntries,
    BundleTruncated,
    BundleType,
    BundleXml,
    NotABundle,
)
from xinglin.service.lifecycle.collection.fhir.model import Limits

ACCEPTED_TYPES: Final = ("batch", "collection", "document", "message", "searchset", "transaction")
ARCHIVES: Final = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar",
}  # fmt: skip
WIDE: Final = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
               codecs.BOM_UTF16_BE: "UTF-16"}  # fmt: skip
GAP: Final = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
LONE_SURROGATE: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
KIND_FOUND: Final = re.compile(r"got `([a-z]+)`")
RESOURCE_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
NO_SPACE: Final = re.compile(r"\S+")
SPACE: Final = b" \t\r\n"
SLICE: Final = 1 << 20
NO_BYTES: Final = msgspec.Raw(b"")
# What stands in a shell where a slice was cut out: valid in its place, so that only the shell itself is judged.
ENTRY_MARK: Final = b'{"fullUrl":"urn:xinglin:entry"}'
RESOURCE_MARK: Final = b'{"resourceType":"Binary","contentType":"text/plain"}'


class _Root(msgspec.Struct):
    resource_type: msgspec.Raw = msgspec.field(name="resourceType", default=NO_BYTES)
    type: msgspec.Raw = NO_BYTES
    entry: list[msgspec.Raw] = []


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = NO_BYTES
    full_url: msgspec.Raw = msgspec.field(name="fullUrl", default=NO_BYTES)


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    method: Literal["POST", "PUT"]
    url: str


class _PlainEntry(msgspec.Struct, forbid_unknown_fields=True):
    full_url: str = msgspec.field(name="fullUrl")
    resource: msgspec.Raw
    request: _Request | None = None


class CutEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry as bytes.

    Attributes:
        raw: the entry as it stands in the file, as a view of the file's bytes.
        resource: its resource as it stands in the file; empty where it has none, or where the entry is no object.
        full_url: the fullUrl, empty where it is missing or no text.
        shell: a Bundle of this one entry with a mark in the resource's place, for validation; empty for a plain
            entry, which has a fullUrl, a resource, at most a request to POST or PUT it, and nothing else.
        has_request: of a plain entry.
    """

    raw: msgspec.Raw
    resource: bytes
    full_url: str
    shell: bytes
    has_request: bool = False


class CutBundle(msgspec.Struct, frozen=True):
    """A bundle taken apart.

    Attributes:
        bundle_type: one of ``ACCEPTED_TYPES``.
        shell: the Bundle with one mark in its entries' place, for validation.
        entries: each entry in order of the file, as a view of the file's bytes.
    """

    bundle_type: str
    shell: bytes
    entries: list[msgspec.Raw]


_decode_root = msgspec.json.Decoder(_Root).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode
_decode_plain = msgspec.json.Decoder(_PlainEntry).decode


def cut_bundle(data: bytes, limits: Limits) -> CutBundle:
    """Take a file apart; one that holds a resource by itself is taken as a collection of it.

    Args:
        data: the whole file.
        limits: bounds on bytes, entries and nesting.
    Raises: one of the refusals of ``collection/errors.py`` numbered 5102 to 5113.
    """
    text = _text(data, limits)
    root = _root(text, limits)
    resource_type = _string(root.resource_type)
    if RESOURCE_TYPE.fullmatch(resource_type) and resource_type != "Bundle":
        return _single(text)
    if resource_type != "Bundle":
        raise NotABundle(found=_described(root.resource_type))
    bundle_type = _string(root.type)
    if bundle_type not in ACCEPTED_TYPES:
        raise BundleType(found=_described(root.type), accepted=", ".join(ACCEPTED_TYPES))
    if len(root.entry) > limits.max_entries:
        raise BundleTooManyEntries(found=len(root.entry), maximum=limits.max_entries)
    return CutBundle(bundle_type, _shell(text, root.entry), root.entry)


def _single(text: bytes) -> CutBundle:
    """Return a file that is one resource as the collection of it alone."""
    shell = b'{"resourceType":"Bundle","type":"collection","entry":[' + ENTRY_MARK + b"]}"
    return CutBundle("collection", shell, [msgspec.Raw(b'{"resource":' + text.strip(SPACE) + b"}")])


def cut_entry(raw: msgspec.Raw) -> CutEntry:
    """Take one entry apart.

    Args:
        raw: an entry as ``cut_bundle`` gave it: some JSON value, not always an object.
    """
    whole = bytes(raw)
    plain = _plain(raw, whole)
    if plain is not None:
        return plain
    try:
        entry = _decode_entry(whole)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return CutEntry(raw, b"", "", _bundle_of(whole))
    resource = bytes(entry.resource)
    start = _place_of(resource, whole)
    shell = whole[:start] + RESOURCE_MARK + whole[start + len(resource) :] if resource else whole
    return CutEntry(raw, resource, _string(entry.full_url), _bundle_of(shell))


def _plain(raw: msgspec.Raw, whole: bytes) -> CutEntry | None:
    """Take apart an entry that has nothing to find fault with, as almost all have; None for any other.

    A key that appears twice shows in the number of quotes: two keys and a text, with a request three keys and two
    texts more.
    """
    try:
        entry = _decode_plain(whole)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    resource = bytes(entry.resource)
    start = _place_of(resource, whole)
    around = whole[:start] + whole[start + len(resource) :]
    if around.count(b'"') != (6 if entry.request is None else 16) or b"\\" in around:
        return None
    if entry.request is not None and not NO_SPACE.fullmatch(entry.request.url):
        return None
    return CutEntry(raw, resource, entry.full_url, b"", entry.request is not None)


def _place_of(part: bytes, whole: bytes) -> int:
    """Return where a part begins that is known to be there; searching for all of a long part is slow."""
    start = whole.find(part[:32])
    while not whole.startswith(part, start):
        start = whole.find(part[:32], start + 1)
    return start


def _text(data: bytes, limits: Limits) -> bytes:
    """Return the JSON text: UTF-8, a byte order mark at its start left out (RFC 8259, 8.1 allows to ignore it)."""
    if len(data) > limits.max_bundle_bytes:
        raise BundleTooLarge(maximum=limits.max_bundle_bytes)
    for magic, form in ARCHIVES.items():
        if data.startswith(magic):
            raise BundleCompressed(form=form)
    for mark, encoding in WIDE.items():
        if data.startswith(mark):
            raise BundleEncoding(found=encoding, position=0)
    text = data.removeprefix(codecs.BOM_UTF8)
    start = text[:SLICE].lstrip(SPACE)
    if not start:
        raise BundleEmpty
    if b"\x00" in start[:4]:
        raise BundleEncoding(found="UTF-16 or UTF-32", position=0)
    if start.startswith(b"<"):
        raise BundleXml
    _check_utf8(text)
    return text


def _check_utf8(text: bytes) -> None:
    """Decode in slices, so that a large file never stands in memory a second time as text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(text), SLICE):
        try:
            decoder.decode(text[start : start + SLICE], final=start + SLICE >= len(text))
        except UnicodeDecodeError as error:
            raise BundleEncoding(found=error.reason, position=start + error.start) from None


def _root(text: bytes, limits: Limits) -> _Root:
    try:
        return _decode_root(text)
    except RecursionError:
        raise BundleNesting(maximum=limits.max_nesting) from None
    except msgspec.ValidationError as error:
        raise _misshapen(error) from None
    except msgspec.DecodeError as error:
        if LONE_SURROGATE.search(text):
            raise BundleMalformed(reason="a text holds half a surrogate pair") from None
        if "truncated" in str(error):
            raise BundleTruncated(size=len(text)) from None
        raise BundleMalformed(reason=str(error).removeprefix("JSON is malformed: ")) from None


def _misshapen(error: msgspec.ValidationError) -> PlatformError:
    """Say what is wrong with JSON that is well formed but is no object, or has no array of entries."""
    if "$.entry" in str(error):
        return BundleInvalid(expression="Bundle.entry", rule="element.form")
    kind = KIND_FOUND.search(str(error))
    return NotABundle(found=f"a JSON {kind[1]}" if kind else "another JSON value")


def _string(raw: msgspec.Raw) -> str:
    """Return the text of a raw JSON value, empty where it is none."""
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _described(raw: msgspec.Raw) -> str:
    """Return a type's name for people, never more than a short word of what the file holds."""
    name = _string(raw)
    return name if name.isascii() and name.isidentifier() and len(name) <= 40 else "something else"


def _shell(text: bytes, entries: list[msgspec.Raw]) -> bytes:
    """Return the text with one mark in the place of all entries.

    The entries are looked for where they follow each other with nothing but commas between them. Where a key
    ``entry`` is there twice, only the last array was decoded: the other one then stays in the shell and is found.
    """
    if not entries:
        return text
    opening = bytes(entries[0])
    start = text.find(opening)
    while start >= 0:
        end = _end_of(text, start, entries)
        if end:
            return text[:start] + ENTRY_MARK + text[end:]
        start = text.find(opening, start + 1)
    raise BundleMalformed(reason="its entries do not follow each other")


def _end_of(text: bytes, start: int, entries: list[msgspec.Raw]) -> int:
    """Return where the entries end if they stand in the text from ``start`` on, else 0."""
    position = start
    for number, entry in enumerate(entries):
        if number:
            gap = GAP.match(text, position)
            if gap is None:
                return 0
            position = gap.end()
        whole = bytes(entry)
        if not text.startswith(whole, position):
            return 0
        position += len(whole)
    return position


def _bundle_of(entry: bytes) -> bytes:
    return b'{"resourceType":"Bundle","type":"batch","entry":[' + entry + b"]}"
