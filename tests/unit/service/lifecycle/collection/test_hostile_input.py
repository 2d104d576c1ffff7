"""Random damage to real bundles, and large ones: no traceback, nothing lost silently, memory within bounds."""

from __future__ import annotations

import copy
import functools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REPOSITORY, SHARED
from tests.support.fhir_bundles import EPISODE, bundle, posted, text
from tests.support.mutations import changed_bytes
from xinglin.kernel.errors import Invalid
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.model import BundleReading
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", "x", "\x00", "\ud800", "名", "#", "#x", "urn:uuid:1", "Patient/1",
    "Patient?x=y",
    [], {}, [[]], [{}], [None], {"a": 1}, {"resourceType": "Patient"}, {"resourceType": 5}, {"resourceType": ["a"]},
    {"reference": 5}, {"reference": "#"}, "2020-02-30", "9999-12-31T23:59:59.999999999+14:00", {"extension": [{}]},
    "<div xmlns='http://www.w3.org/1999/xhtml'>&x;</div>",
]  # fmt: skip
NAMES = [
    "resourceType", "id", "reference", "contained", "extension", "entry", "resource", "fullUrl", "text",
    "div", "status",
    "meta", "versionId", "request", "item", "encounter", "subject", "performer", "period", "effectiveDateTime", "part",
]  # fmt: skip


@functools.cache
def real_bundle() -> dict[str, Any]:
    """Return the first entries of a real bundle, or of an invented one where the real data are not here."""
    files = sorted((SHARED / "data" / "fhir" / "synthea_smart2019").glob("*.json"))
    read: dict[str, Any] = json.loads(files[0].read_bytes() if files else bundle(*map(posted, EPISODE), kind="batch"))
    return {**read, "type": "collection", "entry": read["entry"][:12]}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a nested value as (container, key)."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def spoil(draw: st.DrawFn, value: dict[str, Any]) -> None:
    """Change one place of a nested value."""
    container, key = draw(st.sampled_from(list(places(value))))
    change = draw(st.sampled_from(["odd", "remove", "swap", "name", "double"]))
    if change == "remove":
        del container[key]
    elif change == "swap":
        other, place = draw(st.sampled_from(list(places(value))))
        container[key] = copy.deepcopy(other[place])
    elif change == "name" and isinstance(container, dict):
        container[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(st.sampled_from(ODD)))
    elif change == "double" and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    else:
        container[key] = copy.deepcopy(draw(st.sampled_from(ODD)))


def check(data: bytes) -> BundleReading | None:
    """Read, and hold the reading to what it promises; None for a file that is refused as a whole."""
    try:
        reading = read_bundle(data, FhirkitValidator())
    except Invalid:
        return None
    positions = [one.position for one in (*reading.accepted, *reading.rejected)] + list(reading.repeated)
    assert sorted(positions) == list(range(reading.entries)), "every entry is in exactly one place"
    for one in (*reading.accepted, *reading.rejected):
        assert one.original in data
    assert all(one.issues for one in reading.rejected)
    return reading


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return a bundle one of whose entries is spoilt, and which."""
    value = copy.deepcopy(real_bundle())
    position = draw(st.integers(0, len(value["entry"]) - 1))
    for _ in range(draw(st.integers(1, 3))):
        spoil(draw, value["entry"][position])
        if not value["entry"][position]:
            break
    return json.dumps(value).encode(), position


@given(spoilt())
def test_an_entry_that_is_spoilt_harms_no_other(case: tuple[bytes, int]) -> None:
    data, position = case
    reading = check(data)
    if reading is None:  # half a surrogate pair makes the whole file no JSON
        assert b"\\ud800" in data
        return
    wrong = {one.position: {issue.rule for issue in one.issues} for one in reading.rejected}
    wrong.pop(position, None)
    # Another entry is affected only where it shares its address or identifier with the spoilt one, or refers to it.
    assert all(rules <= {"entry.duplicate", "reference.type"} for rules in wrong.values())


@given(st.data())
def test_a_bundle_that_is_spoilt_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    value = copy.deepcopy(real_bundle())
    for _ in range(data.draw(st.integers(1, 4))):
        if value:
            spoil(data.draw, value)
    check(json.dumps(value).encode())


@given(st.data())
def test_bytes_that_are_damaged_anywhere_are_read_or_refused(data: st.DataObject) -> None:
    whole = text(real_bundle())
    place = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(1, 300))
    damaged = changed_bytes(data.draw, whole[place : place + length])
    check(whole[:place] + damaged + whole[place + length :])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    check(data)


@given(st.lists(st.sampled_from(EPISODE), min_size=1, max_size=12))
def test_repetitions_are_counted(resources: list[dict[str, Any]]) -> None:
    reading = check(bundle(*({"resource": one} for one in resources)))
    assert reading is not None
    assert (len(reading.accepted), len(reading.repeated)) == (
        len({one["id"] for one in resources}),
        len(resources) - len(Counter(one["id"] for one in resources)),
    )


LARGE = """
import resource, sys
from pathlib import Path
from xinglin.service.lifecycle.collection.fhir.fhirkit_validator import FhirkitValidator
from xinglin.service.lifecycle.collection.fhir.reader import read_bundle_file

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

validator = FhirkitValidator()
validator.validate([b'{"resourceType":"Patient"}'])
before = peak()
reading = read_bundle_file(Path(sys.argv[1]), validator)
print(reading.entries, len(reading.accepted), (peak() - before) // 1024 // 1024)
"""


def test_a_bundle_of_100_mb_is_taken_in_three_times_its_size(tmp_path: Path) -> None:
    data = "QUJD" * 90_000
    entries = (
        b'{"resource":{"resourceType":"Binary","id":"b%d","contentType":"image/png","data":"%s"}}'
        % (number, data.encode())
        for number in range(280)
    )
    path = tmp_path / "large.json"
    path.write_bytes(b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(entries) + b"]}")
    size = path.stat().st_size // 1024 // 1024
    assert size > 95
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    entries_read, accepted, peak = map(int, done.stdout.split())
    assert (entries_read, accepted) == (280, 280)
    assert peak < 3 * size
