"""The index in memory: which registrations may be of the person asked for, and how frequent each value is (H1).

A block is the registrations that have one value in common: an identifier, a phone, a birth date with the sound of a
name, ... A look-up scores only what is in one of its blocks. Blocks that are too large to tell anything are not kept.
Everything is in a few flat arrays, about 400 bytes for each registration; a hash table that grows one bucket at a
time, so that no call waits for it to be made anew. Not for several threads at once: the service holds a lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Final
from zlib import crc32

import msgspec

from xinglin.service.basic.patient_index.comparing import key_of
from xinglin.service.basic.patient_index.features import Features
from xinglin.service.basic.patient_index.names import NameKey, sound

BLOCK: Final = 64
"""A block that more persons are in is not looked at."""
KEPT: Final = 400
"""A block that more persons are in is not added to."""
CANDIDATES: Final = 10
"""How many of what the blocks give are weighed: those that are in most blocks and in the smallest."""
LOOKED: Final = 64
"""After so many entries no larger block is looked at."""
_MOST_SAID: Final = 20
_COUNTERS: Final = 1 << 22
_FIRST_BUCKETS: Final = 1 << 10
_PERSON: Final = 16

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Features).decode


class Blocks:
    """The index of one node. Registrations are known by numbers from 0 in the order of coming."""

    def __init__(self) -> None:
        self._features: list[bytes] = []
        self._persons = bytearray()
        self._live = 0
        self._table = _Table()
        self._counts = array("I", bytes(4 * _COUNTERS))

    @property
    def size(self) -> int:
        """How many registrations there are (port ``Population``)."""
        return self._live

    def count(self, key: int) -> int:
        """Return how many persons have a value; a little more where another falls on the same counter."""
        return self._counts[key % _COUNTERS]

    @property
    def end(self) -> int:
        """The number that the next registration gets."""
        return len(self._features)

    def add(self, person: bytes, features: Features, number: int | None = None) -> int:
        """Add a registration and return its number: the next, or a later one whose place others were removed from."""
        gap = 0 if number is None else number - self.end
        self._features.extend([b""] * (gap + 1))
        self._persons += bytes(_PERSON * gap) + person
        self._enter(self.end - 1, features)
        return self.end - 1

    def replace(self, number: int, features: Features) -> None:
        """Put other features in place of those of a registration."""
        self.remove(number)
        self._enter(number, features)

    def remove(self, number: int) -> None:
        """Take a registration out of every block; its number is not used again."""
        known = self.features(number)
        if known is None:
            return
        self._features[number] = b""
        self._live -= 1
        self._table.remove(_person_key(self.person(number)), number)
        for key in blocked(known):
            self._table.remove(key, number)
        for key in self._first_of_person(number, known):
            self._counts[key % _COUNTERS] -= 1

    def assign(self, number: int, person: bytes) -> None:
        """Make a registration another person's."""
        known = self.features(number)
        self.remove(number)
        self._persons[_PERSON * number : _PERSON * (number + 1)] = person
        if known is not None:
            self._enter(number, known)

    def numbers_of(self, person: bytes) -> list[int]:
        """Return the registrations that were assigned to a person, in order."""
        return sorted(number for number in self._table.find(_person_key(person)) if self.person(number) == person)

    def features(self, number: int) -> Features | None:
        """Return what a registration is compared by, None for one that was removed."""
        packed = self._features[number]
        return _unpack(packed) if packed else None

    def person(self, number: int) -> bytes:
        """Return the person whom a registration was assigned to at first, 16 bytes."""
        return bytes(self._persons[_PERSON * number : _PERSON * (number + 1)])

    def candidates(self, wanted: Features) -> list[int]:
        """Return the registrations that share a block, no more than are weighed."""
        told: dict[int, int] = {}
        looked = 0
        for size, key in sorted((self._counts[key % _COUNTERS], key) for key in blocked(wanted)):
            if size > BLOCK or looked > LOOKED:
                break
            says = _MOST_SAID - size.bit_length()
            for number in islice(self._table.find(key), BLOCK):
                told[number] = told.get(number, 0) + says
                looked += 1
        if len(told) <= CANDIDATES:
            return list(told)
        return sorted(told, key=told.__getitem__, reverse=True)[:CANDIDATES]

    def _enter(self, number: int, features: Features) -> None:
        for key in self._first_of_person(number, features):
            self._counts[key % _COUNTERS] += 1
        self._features[number] = _pack(features)
        self._live += 1
        self._table.add(_person_key(self.person(number)), number)
        for key in blocked(features):
            if self._counts[key % _COUNTERS] <= KEPT:
                self._table.add(key, number)

    def _first_of_person(self, number: int, features: Features) -> set[int]:
        """The keys of a registration that no other one of the same person has: a person counts once for a value."""
        keys = counted(features) | blocked(features)
        for other in self.numbers_of(self.person(number)):
            known = self.features(other) if other != number else None
            if known is not None:
                keys -= counted(known) | blocked(known)
        return keys


def _person_key(person: bytes) -> int:
    return crc32(b"person" + person)


def counted(features: Features) -> set[int]:
    """Return the keys of values whose frequency matters though they make no block."""
    keys = {key_of("f", name.family) for name in features.names if name.family}
    keys |= {key_of("g", name.given.replace(" ", "")) for name in features.names if name.given}
    for place in features.places:
        keys |= {
            key_of(kind, value)
            for kind, value in zip("scz", (place.street, place.city, place.postcode), strict=True)
            if value
        }
    if features.birth % 1_00:
        keys.add(key_of("b", features.birth))
    return keys


def blocked(features: Features) -> set[int]:
    """Return the keys of the blocks that a registration is in and is looked for in."""
    birth, year, day = features.birth, features.birth // 1_00_00, features.birth % 1_00_00
    keys = {key_of("i", one.kind, one.scope, one.value) for one in features.identifiers}
    keys |= {key_of("p", one) for one in features.phones}
    for name in features.names or features.mothers:
        keys |= _name_blocks(name, birth, year, day)
    for place in features.places:
        if place.street:
            keys.add(key_of("a", place.street, place.number))
        if place.number and place.postcode:
            keys.add(key_of("h", place.postcode, place.number))
    return keys


def _name_blocks(name: NameKey, birth: int, year: int, day: int) -> set[int]:
    """Blocks by a name: whole, by its sound with a part of the birth date, by one half of it with the whole date.

    Surname and given name stand in the order of the alphabet, so that it doesn't matter which is called which.
    """
    given = name.given.replace(" ", "")
    family_sound, given_sound = sound(name.family), sound(given)
    keys = set()
    if name.family and given:
        whole = sorted((name.family, given))
        sounds = sorted((family_sound, given_sound))
        keys |= {key_of("n", *whole), key_of("s", *sounds)}
        if birth:
            keys |= {key_of("ny", *whole, year), key_of("sy", *sounds, year)}
        if day:
            keys |= {key_of("nd", *whole, day), key_of("sd", *sounds, day)}
    if birth % 1_00:
        keys |= {key_of("d", birth, half[:2]) for half in (family_sound, given_sound) if half}
    return keys


class _Table:
    """Numbers by key: chains of entries in flat arrays, with linear hashing (Litwin 1980).

    Each entry added splits one bucket, so the table grows with what is in it and never stands still to be made anew.
    """

    def __init__(self) -> None:
        self._heads = array("I", bytes(4 * _FIRST_BUCKETS))  # 0: empty; else the entry's place plus 1
        self._keys, self._numbers, self._next = array("I"), array("I"), array("I")
        self._level, self._split, self._free = _FIRST_BUCKETS, 0, 0

    def find(self, key: int) -> Iterator[int]:
        """Yield the numbers under a key, the newest first."""
        keys, numbers, after = self._keys, self._numbers, self._next
        at = self._heads[self._bucket(key)]
        while at:
            if keys[at - 1] == key:
                yield numbers[at - 1]
            at = after[at - 1]

    def add(self, key: int, number: int) -> None:
        """Put a number under a key."""
        bucket = self._bucket(key)
        if self._free:
            place = self._free - 1
            self._free = self._next[place]
            self._keys[place], self._numbers[place], self._next[place] = key, number, self._heads[bucket]
        else:
            place = len(self._keys)
            self._keys.append(key)
            self._numbers.append(number)
            self._next.append(self._heads[bucket])
        self._heads[bucket] = place + 1
        if place >= len(self._heads):
            self._grow()

    def remove(self, key: int, number: int) -> None:
        """Take a number from under a key; nothing happens where it is not there."""
        bucket, before = self._bucket(key), 0
        at = self._heads[bucket]
        while at and not (self._keys[at - 1] == key and self._numbers[at - 1] == number):
            before, at = at, self._next[at - 1]
        if not at:
            return
        if before:
            self._next[before - 1] = self._next[at - 1]
        else:
            self._heads[bucket] = self._next[at - 1]
        self._next[at - 1], self._free = self._free, at

    def _bucket(self, key: int) -> int:
        bucket = key & (self._level - 1)
        return key & (2 * self._level - 1) if bucket < self._split else bucket

    def _grow(self) -> None:
        """Part the entries of the next bucket between it and a new one."""
        old, mask = self._split, 2 * self._level - 1
        at = self._heads[old]
        stay = leave = 0
        while at:
            after = self._next[at - 1]
            if self._keys[at - 1] & mask == old:
                self._next[at - 1], stay = stay, at
            else:
                self._next[at - 1], leave = leave, at
            at = after
        self._heads[old] = stay
        self._heads.append(leave)
        self._split += 1
        if self._split == self._level:
            self._level, self._split = 2 * self._level, 0
