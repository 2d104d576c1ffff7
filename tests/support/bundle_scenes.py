"""Bundles of drawn stories: who signs, who was a member when and with which key, who cosigned, whose chain it was.

A random change of bytes never exchanges one good key for another. Here everything is signed, by whom the story says.
Most stories depart from a good one in few points, so that some hold and the others fail late. What a story comes to is
not foretold: the two verifiers must agree on it.
"""

from __future__ import annotations

import random
from typing import Any

from xinglin_verify import sm2

from tests.support.proof_bundles import DAY, FOUNDERS, BundleMaker, identifier
from tests.support.signing import GM, INTL

MINUS_G = b"\x04" + sm2.G.x.to_bytes(32, "big") + (sm2.P - sm2.G.y).to_bytes(32, "big")
NO_KEYS = {
    GM.number: [MINUS_G, b"\x04" + bytes(64), bytes(32)],
    INTL.number: [b"\x01" + bytes(31), bytes(32), b"\xed" + b"\xff" * 30 + b"\x7f", bytes(65)],
}
"""Keys that are none: points that a suite excludes, no points, keys of another length."""
LEAF_HEIGHT, LEAF_TIME, HEIGHT, TIME = 4, DAY + 5000, 6, DAY + 10_000


class SceneMaker(BundleMaker):
    """One bundle whose story is drawn while it is made."""

    def __init__(self, seed: int, claim: str) -> None:
        self.random = random.Random(seed)
        self.departing = self.random.choice([0, 0.01, 0.03, 0.06])
        count = self.random.choice([1, 2, 3, 5, 6])
        signers = self.random.choice([["hospital"]] * 3 + [["hospital", "platform"], ["platform", "hospital"]])
        tweaks = {
            "leaf": self._leaf,
            "checkpoint": self._checkpoint,
            "cosigners": self._cosigners,
            "key": self._key_state,
            "member": self._member_state,
            "anchored": self._anchored,
            "heads": self._heads,
            "header": self._header,
            "behaviour": self._behaviour,
            "shown": self._shown,
        }
        if claim == "anchor":
            tweaks["arguments"] = self._signed_by
        suite, position = self.random.choice([GM, INTL]), self.random.randrange(count)
        super().__init__(claim, suite, tweaks, count, position, signers)

    def pick(self, good: Any, *others: Any) -> Any:
        """Return the good value, or seldom another."""
        return self.random.choice(others) if self.random.random() < self.departing else good

    def _next_epoch(self) -> None:
        """None to three epochs, in which members join, leave, and take other keys."""
        held = {name: name for name in FOUNDERS}
        self.stories = [(0, held)]
        before, self.epochs = self.epoch_0, []
        height = 0
        for number in range(1, 1 + self.random.randint(0, 3)):
            held = self._story(dict(held))
            height = self.pick(height + self.random.randint(1, 3), height, HEIGHT + 1)
            epoch = self._epoch(before, number, height, held)
            self.epochs.append([epoch, self._votes(before, epoch)])
            self.stories.append((height, held))
            before = epoch

    def _story(self, held: dict[str, str]) -> dict[str, str]:
        """Return who is a member, and the name of the key that each has."""
        for name in [*FOUNDERS, "insurer"]:
            held[name] = self.random.choice([held.get(name, name), held.get(name, name), f"{name} later"])
        for name in self.pick([], ["insurer"], ["hospital"], ["platform"]):
            del held[name]
        return held

    def _epoch(self, before: list[Any], number: int, height: int, held: dict[str, str]) -> list[Any]:
        members = sorted(
            [identifier(name), self.key(key).public, self.pick(1, 0), self.pick(1, 0)] for name, key in held.items()
        )
        members[-1][1] = self.pick(members[-1][1], *NO_KEYS[self.suite.number])
        votes, cosigns = (sum(member[place] for member in members) for place in (2, 3))
        threshold, quorum = (self.pick(of // 2 + 1, of, of // 2, of + 1) for of in (votes, cosigns))
        return ["epoch", 1, self.chain, number, self.hashed("epoch", before), height, threshold, quorum, members]

    def _votes(self, before: list[Any], epoch: list[Any]) -> list[Any]:
        """Votes of members of the epoch before, most times all of them, each by the key that it had then."""
        message, held = self.hashed("epoch", epoch), self.stories[-1][1]
        voting = {member[0] for member in before[8] if member[2]}
        voters = [name for name in held if self.pick(identifier(name) in voting, False, True)]
        keys = {name: self.pick(held[name], name, f"{name} later") for name in voters}
        return sorted([identifier(name), self.key(keys[name]).sign(message)] for name in voters)

    def held_at(self, height: int) -> dict[str, str]:
        """Return the names of keys in the epoch in force at a height."""
        return [held for from_height, held in self.stories if from_height <= height][-1]

    def _signed_by(self, arguments: list[Any]) -> None:
        """The anchor is signed by some key of some member."""
        owner = self.random.choice([self.signers[0], *self.signers, "insurer"])
        own = self.held_at(LEAF_HEIGHT).get(owner, owner)
        signer = self.key(self.random.choice([own, own, own, owner, f"{owner} later"]))
        arguments[4] = signer.sign(self.text(arguments[0], *arguments[2]))

    def _anchored(self, state: list[Any]) -> None:
        state[2] = identifier(self.pick(self.signers[0], "hospital", "platform"))
        state[3][0] = self.pick(1001, 1000, 999)
        state[1], state[4] = self.pick(1, 2), self.pick(0, 1, 2)

    def _header(self, header: list[Any]) -> None:
        header[4] = self.pick(header[4], LEAF_TIME, LEAF_TIME - 1)
        header[6] = self.pick(header[6], header[6] + 1, max(1, header[6] - 1))

    def _heads(self, heads: list[Any]) -> None:
        head = heads[self.position]
        head[1], head[2] = self.pick(1, 2), self.pick(head[2], "commit", "register", "order")

    def _leaf(self, leaf: list[Any]) -> None:
        leaf[2] = self.pick(LEAF_HEIGHT, 0, 1, 2, 3, HEIGHT, HEIGHT + 1)
        leaf[3] = self.pick(LEAF_TIME, TIME, TIME + 1)

    def _checkpoint(self, fields: list[Any]) -> None:
        fields[4] = self.pick(HEIGHT, LEAF_HEIGHT, LEAF_HEIGHT - 1, 9)
        self.height = fields[4]

    def _cosigners(self, _: list[str]) -> list[str]:
        return [name for name in self.held_at(self.height) if self.pick(True, False)]

    def line(self, name: str, text: bytes, label: bytes | None = None) -> bytes:
        """Return a signature line of a member by the key that it has at the checkpoint's height, most times."""
        key = self.held_at(self.height).get(name, name)
        return self.line_by(name, self.key(self.pick(key, name, f"{name} later")), text, label)

    def _key_state(self, state: list[Any]) -> list[Any]:
        if self.random.random() < 0.7:
            return state
        state[1] = self.pick(1, 2)
        state[3] = self.pick(state[3], identifier("platform"), identifier("hospital"))
        state[4] = self.pick(DAY, LEAF_TIME, LEAF_TIME + 1)
        state[5], state[6] = (self.pick([], [LEAF_TIME], [LEAF_TIME + 1], [0]) for _ in range(2))
        return state

    def _member_state(self, state: list[Any]) -> None:
        state[1], state[2], state[4] = self.pick(1, 2), self.pick(state[2], 1, 6), self.pick(1, 2, 3, 4)

    def _behaviour(self, behaviour: list[Any]) -> None:
        behaviour[1] = self.pick(1, 2)
        behaviour[3] = identifier(self.pick(self.signers[0], "hospital", "platform"))

    def _shown(self, shown: list[bytes]) -> list[bytes]:
        return self.pick(shown, shown[1:], shown[:-1], [*shown, b"other"])  # type: ignore[no-any-return]
