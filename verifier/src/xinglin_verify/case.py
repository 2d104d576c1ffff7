"""One bundle under verification: what the steps have established so far, and what a step hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xinglin_verify.contract_objects import AccessEntry, EpisodeState, KeyState, SealEpisode
from xinglin_verify.encoding import encode
from xinglin_verify.errors import DoesNotHold
from xinglin_verify.note import Checkpoint
from xinglin_verify.objects import AccessBundle, Bundle, EpisodeBundle, Epoch, StateEntry
from xinglin_verify.suites import Suite
from xinglin_verify.trust import Trust


class Moment(int):
    """A time in milliseconds since 1970 UTC, shown to people as a date."""


class Word(str):
    """A term of the specification, shown to people in their language."""

    __slots__ = ()


Scalar = int | str
Facts = Mapping[str, Scalar | tuple[Scalar, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a passed step says: the key of its sentence (`words.py`), the facts in it, and whether trust stays open."""

    sentence: str
    facts: Facts
    open: bool = False


def passed(sentence: str, **facts: Scalar | tuple[Scalar, ...]) -> Outcome:
    """Return the outcome of a step that holds."""
    return Outcome(sentence, facts)


def left_open(sentence: str, **facts: Scalar | tuple[Scalar, ...]) -> Outcome:
    """Return the outcome of a step in which nothing is wrong, but after which the bundle is not trusted."""
    return Outcome(sentence, facts, open=True)


@dataclass
class Case:
    """The bundle and what has been established of it; each field is set by the step named beside it."""

    data: bytes
    trust_data: bytes | None
    bundle: Bundle = field(init=False)  # P1
    access: AccessBundle | None = None  # P1
    episode: EpisodeBundle | None = None  # P1
    suite: Suite = field(init=False)  # P2
    chain: str = field(init=False)  # P2
    genesis_hash: bytes = field(init=False)  # P2
    trust: Trust | None = field(init=False)  # P3
    epochs: list[Epoch] = field(init=False)  # P2 and P4
    checkpoint: Checkpoint = field(init=False)  # P5
    signers: list[KeyState] = field(init=False)  # P12
    used: set[bytes] = field(default_factory=set)  # P12 to P14
    anchored: Checkpoint = field(init=False)  # P17 and P21
    accesses: list[AccessEntry] = field(init=False)  # P18
    seal: SealEpisode = field(init=False)  # P21
    sealed: EpisodeState = field(init=False)  # P23

    def epoch_at(self, height: int) -> Epoch:
        """Return the epoch in force at a height (N5)."""
        return [epoch for epoch in self.epochs if epoch.from_height <= height][-1]

    def state(self, *key: str | bytes) -> StateEntry:
        """Return the state entry of a key (namespace, parts...), proven in P11, and note that it was needed."""
        encoded = encode(key)
        for entry in self.bundle.states:
            if entry.key == encoded:
                self.used.add(encoded)
                return entry
        raise DoesNotHold("state.missing", namespace=str(key[0]), part=str(key[1]))

    def present(self, *key: str | bytes) -> bytes:
        """Return the value of a key that must not be absent."""
        entry = self.state(*key)
        if not entry.content:
            raise DoesNotHold("state.absent", namespace=str(key[0]), part=str(key[1]))
        return entry.content[0]
