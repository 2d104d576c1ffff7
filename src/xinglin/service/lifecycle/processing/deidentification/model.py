"""What de-identification is told about a person, and what it gives: a copy, and what was left out of it.

Values, and the pseudonyms that hang on keys which come in as arguments. The shift and the keys are the institution's:
whoever has them can go back from copies to originals, and whoever lacks them can't.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from xinglin.kernel.hashing import Hash, Tag, tagged

MAX_SHIFT_DAYS: Final = 365
"""A copy's dates lie at most a year before the true ones, so seasons blur and no date comes to lie ahead."""
OLDEST_AGE: Final = 90
"""Years from which all ages are one group (HIPAA 164.514(b)(2)(i)(C))."""


class Shift(msgspec.Struct, frozen=True):
    """How the dates of one person move; the same for all records of the person, so that intervals stay.

    Attributes:
        days: whole days, from -365 to -1; all dates of a copy lie earlier than in the original.
        as_of: day on which the copy is made, by which ages are told.
    """

    days: int
    as_of: datetime.date

    def __post_init__(self) -> None:
        if not -MAX_SHIFT_DAYS <= self.days <= -1:
            raise ValueError("a shift is from -365 to -1 days")

    @property
    def oldest(self) -> str:
        """The last day, as YYYY-MM-DD, that tells of an age of 90 years or more."""
        year = self.as_of.year - OLDEST_AGE
        return f"{year:04}-{self.as_of.isoformat()[5:]}"


class Pseudonyms:
    """Replaces ids by keyed hashes in the form of UUIDs: equal for equal ids under one key, telling nothing without it.

    Args:
        hash_: of the home's suite.
        person: key of the person, random or derived for nobody else, at least 16 bytes. Without it the copies of the
            person can't be joined to the originals any more.
        shared: key of the home for resources that are about nobody in particular, at least 16 bytes.
        own_bases: addresses of the home's own FHIR servers, ``https://host/fhir/``: an absolute reference below one
            means the same as a relative one.
    """

    def __init__(self, hash_: Hash, person: bytes, shared: bytes, own_bases: tuple[str, ...] = ()) -> None:
        if min(len(person), len(shared)) < 16:
            raise ValueError("a key of pseudonyms has at least 16 bytes")
        self._hash = hash_
        self._keys = person, shared
        self._made: tuple[dict[str, str], dict[str, str]] = {}, {}
        self.own_bases = own_bases

    def of(self, value: str, *, shared: bool = False) -> str:
        """Return the pseudonym of an id.

        Args:
            value: logical id; or address of a resource elsewhere.
            shared: whether it is of a resource about nobody in particular.
        """
        made = self._made[shared]
        pseudonym = made.get(value)
        if pseudonym is None:
            digest = tagged(self._hash, Tag.PSEUDONYM, self._keys[shared], value.encode("utf-8", "surrogatepass"))
            pseudonym = made[value] = _uuid(digest)
        return pseudonym

    def shift(self, as_of: datetime.date) -> Shift:
        """Return the shift of the person that belongs to the key.

        Args:
            as_of: day on which the copy is made.
        """
        digest = tagged(self._hash, Tag.PSEUDONYM, self._keys[0], b"", "shift")
        return Shift(-1 - int.from_bytes(digest[:8], "big") % MAX_SHIFT_DAYS, as_of)


def person_key(hash_: Hash, key: bytes, person: bytes) -> bytes:
    """Return the key of a person's pseudonyms, derived from one of the home, 16 bytes.

    Args:
        hash_: of the home's suite.
        key: secret of the home for this purpose alone.
        person: EMPI id of the person.
    """
    return tagged(hash_, Tag.PSEUDONYM, key, person, "person")[:16]


def _uuid(digest: bytes) -> str:
    """Return the first 16 bytes as a UUID of version 8 (RFC 9562, 5.8)."""
    text = digest[:16].hex()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[digest[8] & 3]}{text[17:20]}-{text[20:]}"


class Copy(msgspec.Struct, frozen=True):
    """A de-identified copy, and what was left out.

    Attributes:
        content: decoded JSON object; decimals are ``decimal.Decimal``, or floats where the input had floats.
        dropped: how many values each rule took out, by rule id; never what they were.
    """

    content: dict[str, Any]
    dropped: Mapping[str, int]

    def encode(self) -> bytes:
        """Return the copy's canonical bytes: JSON in UTF-8, names sorted, no white space, numbers as written."""
        return _encode(self.content)


_encode: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
