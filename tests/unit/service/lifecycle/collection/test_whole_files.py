"""Files that can't be read as a bundle at all: each is refused with its own code, and none gives a traceback."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pytest

from tests.support.fhir_bundles import EPISODE, PATIENT, but, collection, entry, text
from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.collection import errors
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading, Limits
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle, read_bundle_file, refusal_issue

VALID = collection(*EPISODE)


def read(data: bytes, **limits: int) -> BundleReading:
    return read_bundle(data, FhirkitValidator(), Limits(**limits))


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bundle.json", data)
    return buffer.getvalue()


def nested(levels: int) -> bytes:
    return (
        b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + b"[" * levels + b"]" * levels + b"}]}"
    )


REFUSED = {
    "nothing": (b"", errors.BundleEmpty),
    "white space": (b" \r\n\t ", errors.BundleEmpty),
    "a byte order mark alone": (b"\xef\xbb\xbf", errors.BundleEmpty),
    "gzip": (gzip.compress(VALID), errors.BundleCompressed),
    "xz": (lzma.compress(VALID), errors.BundleCompressed),
    "zip": (zipped(VALID), errors.BundleCompressed),
    "UTF-16 with mark": (VALID.decode().encode("utf-16"), errors.BundleEncoding),
    "UTF-16 without mark": (VALID.decode().encode("utf-16-le"), errors.BundleEncoding),
    "UTF-32 without mark": (VALID.decode().encode("utf-32-be"), errors.BundleEncoding),
    "GB 18030": (text(but(PATIENT, name=[{"text": "?"}])).replace(b"?", "吴".encode("gb18030")), errors.BundleEncoding),
    "a surrogate in UTF-8": (VALID.replace(b"Wu", b"\xed\xa0\x80"), errors.BundleEncoding),
    "a code point in too many bytes": (VALID.replace(b"Wu", b"\xc0\x80"), errors.BundleEncoding),
    "XML": (b'<Bundle xmlns="http://hl7.org/fhir"/>', errors.BundleXml),
    "XML after a mark": (b'\xef\xbb\xbf\n<?xml version="1.0"?><Bundle/>', errors.BundleXml),
    "cut in a text": (VALID[:200], errors.BundleTruncated),
    "cut before the last brace": (VALID.rstrip(b"}\n "), errors.BundleTruncated),
    "text after the end": (VALID + b"{}", errors.BundleMalformed),
    "two values": (VALID + VALID, errors.BundleMalformed),
    "NaN": (VALID.replace(b"72.5", b"NaN"), errors.BundleMalformed),
    "Infinity": (VALID.replace(b"72.5", b"-Infinity"), errors.BundleMalformed),
    "a comment": (VALID.replace(b"{", b"{ // new\n", 1), errors.BundleMalformed),
    "single quotes": (VALID.replace(b'"', b"'"), errors.BundleMalformed),
    "a raw line break in a text": (VALID.replace(b"Wu", b"W\nu"), errors.BundleMalformed),
    "NUL in the text": (VALID.replace(b"Wu", b"W\x00u"), errors.BundleMalformed),
    "half a surrogate pair": (VALID.replace(b"Wu", b"\\ud83d"), errors.BundleMalformed),
    "half a surrogate pair at the end": (b'{"resourceType":"Bundle","id":"\\ud83d"}', errors.BundleMalformed),
    "100,000 arrays": (nested(100_000), errors.BundleNesting),
    "an array": (b"[" + VALID + b"]", errors.NotABundle),
    "a number": (b"7", errors.NotABundle),
    "a resourceType that names none": (b'{"resourceType":"patient 7"}', errors.NotABundle),
    "no resourceType": (b'{"type":"collection","entry":[]}', errors.NotABundle),
    "a resourceType that is no text": (VALID.replace(b'"Bundle"', b"[1]"), errors.NotABundle),
    "no type": (b'{"resourceType":"Bundle","entry":[]}', errors.BundleType),
    "an answer": (VALID.replace(b'"collection"', b'"transaction-response"'), errors.BundleType),
    "old versions": (VALID.replace(b'"collection"', b'"history"'), errors.BundleType),
    "a type that FHIR lacks": (VALID.replace(b'"collection"', b'"everything"'), errors.BundleType),
    "entries that are no array": (b'{"resourceType":"Bundle","type":"batch","entry":{}}', errors.BundleInvalid),
    "entries that are null": (b'{"resourceType":"Bundle","type":"batch","entry":null}', errors.BundleInvalid),
    "an unknown element": (VALID.replace(b'"type"', b'"patient":"Wu","type"', 1), errors.BundleInvalid),
    "a timestamp of another form": (VALID.replace(b'"type"', b'"timestamp":"today","type"', 1), errors.BundleInvalid),
    "two types": (VALID.replace(b'"type"', b'"type":"batch","type"', 1), errors.BundleInvalid),
}


@pytest.mark.parametrize(("data", "refusal"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_no_bundle_is_refused_with_its_own_code(data: bytes, refusal: type[PlatformError]) -> None:
    with pytest.raises(PlatformError) as caught:
        read(data)
    assert caught.value.code == refusal.code
    assert "Wu" not in str(caught.value), "a refusal shows no content"
    assert refusal_issue(caught.value).rule == refusal.code


def test_a_second_array_of_entries_is_found_even_where_it_repeats_the_first() -> None:
    first, second = entry(PATIENT), entry(but(PATIENT, id="other"))
    for left, right in (([first], [second]), ([first, second], [first]), ([first, second], [first, but(second)])):
        data = b'{"resourceType":"Bundle","type":"collection","entry":%s,"entry":%s}' % (text(left), text(right))
        with pytest.raises(errors.BundleInvalid):
            read(data)


def test_a_second_array_is_found_whose_entries_have_just_the_lengths_to_hide_it() -> None:
    """Going on by lengths alone would end behind the second array's middle, and lose what stands before."""

    def sized(length: int, filler: bytes) -> bytes:
        return b'{"fullUrl":"urn:uuid:%s"}' % (filler * (length - len(b'{"fullUrl":"urn:uuid:"}')))

    first, hidden = sized(30, b"f"), sized(40, b"h")
    step = len(hidden + b'],"entry":[' + first)
    data = b'{"resourceType":"Bundle","type":"collection","entry":[%s,%s],"entry":[%s,%s,%s]}'
    with pytest.raises(errors.BundleInvalid):
        read(data % (first, hidden, first, sized(step, b"x"), sized(step, b"y")))


def test_the_limits_hold() -> None:
    assert len(read(VALID, max_bundle_bytes=len(VALID)).accepted) == len(EPISODE)
    with pytest.raises(errors.BundleTooLarge) as too_large:
        read(VALID, max_bundle_bytes=len(VALID) - 1)
    assert too_large.value.facts == {"maximum": len(VALID) - 1}
    assert read(VALID, max_entries=len(EPISODE)).entries == len(EPISODE)
    with pytest.raises(errors.BundleTooManyEntries) as too_many:
        read(VALID, max_entries=len(EPISODE) - 1)
    assert too_many.value.facts == {"found": len(EPISODE), "maximum": len(EPISODE) - 1}


def test_a_byte_order_mark_is_ignored() -> None:
    plain, marked = read(VALID), read(b"\xef\xbb\xbf" + VALID)
    assert plain == marked


def test_a_bundle_without_entries_brings_nothing() -> None:
    reading = read(b'{"resourceType":"Bundle","type":"searchset","total":0}')
    assert (reading.entries, reading.accepted, reading.rejected, reading.repeated) == (0, (), (), ())


@pytest.mark.parametrize("kind", ["collection", "document", "message", "searchset"])
def test_bundles_that_bring_records_are_read_whatever_they_were_made_for(kind: str) -> None:
    assert len(read(VALID.replace(b'"collection"', json.dumps(kind).encode())).accepted) == len(EPISODE)


def test_a_file_is_read_up_to_the_limit_only(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(VALID)
    assert read_bundle_file(path, FhirkitValidator()) == read(VALID)
    with pytest.raises(errors.BundleTooLarge):
        read_bundle_file(path, FhirkitValidator(), Limits(max_bundle_bytes=100))
    with pytest.raises(errors.BundleTooLarge):
        read_bundle_file(Path("/dev/zero"), FhirkitValidator(), Limits(max_bundle_bytes=100))


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path, tmp_path / "absent" / "x.json"):
        with pytest.raises(errors.SourceMissing):
            read_bundle_file(path, FhirkitValidator())
    looping = tmp_path / "looping.json"
    looping.symlink_to(looping)
    with pytest.raises(errors.SourceUnreadable):
        read_bundle_file(looping, FhirkitValidator())
