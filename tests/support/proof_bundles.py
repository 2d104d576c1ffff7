"""Makes proof bundles by the words of docs/spec/ alone, with nothing of the product and no encoder of the verifier.

A small consortium: a hospital, a platform and a regulator found it, an insurer joins with epoch 1, the hospital
registers a batch of records or anchors its private chain. Every stage of the making can be changed by a *tweak*: a
function from the stage's value to another, called before what depends on the stage is hashed, proven or signed. So a
test changes one thing, and everything that a forger could sign again is signed again.

Stages, in this order: account, founder, genesis, epoch, votes, arguments, items, heads, header, signatures, receipt,
leaf, checkpoint (text fields), cosigners, state, note, entry, states, opening, bundle.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tests.support.naive_merkle import naive_path, naive_root
from tests.support.signing import GM, KeyPair, TestSuite

Tweak = Callable[[Any], Any]
DAY = 1_790_000_000_000  # some day of 2026, in milliseconds
EMPTY = bytes(32)
PARAMETERS = [600000, 1048576, 16777216, 8, 64, 256, 1024, 131072, 60000, 1200000, 2400000, 1]
FOUNDERS = {"hospital": 2, "platform": 4, "regulator": 5}
NAMES = {"hospital": "协和 Hospital"}


def canonical(value: object) -> bytes:
    """Return the canonical encoding, by a MessagePack encoder that knows nothing of the project."""
    return msgspec.msgpack.encode(value)


def random_bytes(name: str, size: int = 32) -> bytes:
    """Return bytes that look random and are the same each time."""
    return hashlib.shake_256(name.encode()).digest(size)


def identifier(name: str) -> str:
    """Return an identifier made from a name."""
    return base64.b32encode(random_bytes(f"id {name}", 16)).decode().rstrip("=").lower()


class BundleMaker:
    """One bundle in the making; `make()` returns its bytes, and the attributes say what it is about."""

    def __init__(
        self,
        claim: str = "record",
        suite: TestSuite = GM,
        tweaks: Mapping[str, Tweak] | None = None,
        operations: int = 2,
        position: int = 0,
        signers: Sequence[str] = ("hospital",),
    ) -> None:
        self.claim, self.suite, self.tweaks = claim, suite, dict(tweaks or {})
        self.operations, self.position, self.signers = operations, position, signers
        self.keys: dict[str, KeyPair] = {}
        self.state: dict[bytes, bytes] = {}

    def make(self) -> bytes:
        """Return the bundle's bytes."""
        self._found()
        self._next_epoch()
        self._prepare_claim()
        self._transact()
        self._close()
        opening = self.stage("opening", self._opening())
        bundle = ["bundle", 1, self.claim, self.subject, self.genesis, self.epochs, self.note, self.entry, self.states]
        bundle = self.stage("bundle", [*bundle, [opening] if opening else []])
        return bundle if isinstance(bundle, bytes) else canonical(bundle)

    def key(self, name: str) -> KeyPair:
        """Return a key pair by its name."""
        return self.keys.setdefault(name, self.suite.key(name))

    def hashed(self, tag: str, *values: object) -> bytes:
        """Return H(tag, values...)."""
        return self.suite.hash(tag.encode() + b"\x00" + canonical(values))

    def stage(self, name: str, value: Any) -> Any:
        """Return what the tweak of a stage makes of its value; a tweak that changes in place returns None."""
        if name not in self.tweaks:
            return value
        changed = self.tweaks[name](value)
        return value if changed is None else changed

    def _found(self) -> None:
        """Genesis, chain id, epoch 0."""
        founders = [self._founder(name, kind) for name, kind in FOUNDERS.items()]
        founders.sort(key=lambda founder: founder[0])
        nonce = random_bytes("nonce", 16)
        self.genesis = self.stage(
            "genesis", ["genesis", 1, self.suite.number, 1, DAY, nonce, list(PARAMETERS), 2, 2, founders]
        )
        self.genesis_hash = self.hashed("genesis", self.genesis)
        self.chain = "c" + base64.b32encode(self.genesis_hash).decode().lower()[:26]
        self.members = [[one[0], one[5], one[3], one[4]] for one in self.genesis[9]]
        self.epoch_0 = ["epoch", 1, self.chain, 0, EMPTY, 0, self.genesis[7], self.genesis[8], self.members]

    def _founder(self, name: str, kind: int) -> list[Any]:
        key, member = self.key(name), identifier(name)
        account = [
            identifier(f"{name} service"),
            [7],
            random_bytes(f"{name} person"),
            self.key(f"{name} service").public,
        ]
        account = self.stage("account", account)
        account.append(self.key(f"{name} service").sign(self._proof_message(member, account[0], account[3])))
        founder = self.stage("founder", [member, kind, f"{name} 医院".encode(), 1, 1, key.public])
        return [*founder, key.sign(self._proof_message(founder[0], "", founder[5])), [account]]

    def _proof_message(self, member: str, account: str, key: bytes) -> bytes:
        return self.hashed("key-proof", "genesis", member, account, key)

    def _next_epoch(self) -> None:
        """Epoch 1, in which an insurer joins, passed by two of three."""
        joined = [identifier("insurer"), self.key("insurer").public, 1, 1]
        members = sorted([*self.members, joined])
        epoch = ["epoch", 1, self.chain, 1, self.hashed("epoch", self.epoch_0), 3, 3, 3, members]
        epoch = self.stage("epoch", epoch)
        message = self.hashed("epoch", epoch)
        votes = sorted([identifier(name), self.key(name).sign(message)] for name in ("hospital", "regulator"))
        self.epochs = [[epoch, self.stage("votes", votes)]]

    def _prepare_claim(self) -> None:
        self.items: list[bytes] = []
        if self.claim == "record":
            self._prepare_record()
        else:
            self._prepare_anchor()

    def _prepare_record(self) -> None:
        """A batch of four items, of which one is the record's."""
        behaviour = ["behaviour", 1, identifier("record"), identifier("hospital"), identifier("hospital service")]
        self.behaviour = self.stage("behaviour", [*behaviour, DAY + 4000, "Observation", "就诊 1".encode()])
        self.parts = {
            "behaviour": (random_bytes("salt b", 16), canonical(self.behaviour)),
            "original": (random_bytes("salt r", 16), b'{"resourceType": "Observation"}'),
            "copy": (random_bytes("salt d", 16), b""),
        }
        self.digests = {tag: self.hashed(tag, *part) for tag, part in self.parts.items()}
        self.subject = self.hashed("record", *self.digests.values())
        commitments = sorted([self.subject, *(random_bytes(f"dummy {one}") for one in range(3))])
        self.index = commitments.index(self.subject)
        items = [[one, random_bytes(one.hex(), 48)] for one in commitments]
        self.items = [canonical(item) for item in self.stage("items", items)]
        arguments = [identifier("batch"), "treatment", 1, random_bytes("batch salt", 16)]
        self.call = ["records", 1, "register", self.stage("arguments", arguments)]

    def _prepare_anchor(self) -> None:
        """A head of the hospital's private chain, signed as a checkpoint; the state already holds a later one."""
        private = "p" + base64.b32encode(random_bytes("private")).decode().lower()[:26]
        head = [1000, random_bytes("log"), random_bytes("state"), 77, DAY + 3000]
        head = self.stage("head", head)
        signature = self.key("hospital").sign(self.text(private, *head))
        arguments = self.stage("arguments", [private, 10, head, [random_bytes("proof")], signature])
        self.call = ["anchor", 1, "commit", arguments]
        self.subject = canonical([private, 1000])
        later = [1001, random_bytes("later log"), random_bytes("later state"), 80, DAY + 9000]
        anchored = ["anchor", 1, identifier("hospital"), later, 0, [], 0, []]
        self.put(("anchor", "chain", private), self.stage("anchored", anchored))

    def _transact(self) -> None:
        """The transaction, its receipt and its leaf, the third of five."""
        contract, version, method, arguments = self.call
        items = [self._leaf_hash(item) for item in self.items]
        batch = [[len(items), naive_root(self.suite.hash, items)]] if items else []
        heads = [["journal", 1, "intake", canonical([position]), []] for position in range(1, self.operations)]
        heads.insert(self.position, [contract, version, method, canonical(arguments), batch])
        heads = self.stage("heads", heads)
        leaves = [self._leaf_hash(self.hashed("operation", head)) for head in heads]
        root = naive_root(self.suite.hash, leaves)
        signers = [self.key(f"{name} service") for name in self.signers]
        header = ["transaction", 1, self.chain, random_bytes("tx", 16), DAY + 600000, [one.public for one in signers]]
        header = self.stage("header", [*header, len(heads), root])
        body = self.hashed("body", header)
        signatures = self.stage("signatures", [one.sign(body) for one in signers])
        receipt = self.stage("receipt", ["receipt", 1, 0, [["batch", identifier("batch")]]])
        leaf = ["leaf", 1, 4, DAY + 5000, 2, body, header[4], self.hashed("transaction", header, signatures)]
        leaf = self.stage("leaf", [*leaf, self.hashed("receipt", receipt)])
        others = [random_bytes(f"leaf {one}", 200) for one in range(5)]
        others[2] = canonical(leaf)
        log = [self._leaf_hash(one) for one in others]
        self.log_root = naive_root(self.suite.hash, log)
        item = [[self.items[self.index], self.index, naive_path(self.suite.hash, self.index, items)]] if items else []
        path = naive_path(self.suite.hash, self.position, leaves)
        entry = [header, signatures, heads[self.position], self.position, path, item, leaf, receipt]
        self.entry = self.stage("entry", [*entry, naive_path(self.suite.hash, 2, log)])

    def _close(self) -> None:
        """The state at height 6, the checkpoint over it, its cosignatures."""
        shown = []
        for name in self.signers:
            own, member = self.key(f"{name} service").public, identifier(name)
            key = ["key", 1, identifier(f"{name} service"), member, DAY, [], []]
            self.put(("registry", "key", own), self.stage("key", key))
            about = ["member", 1, FOUNDERS.get(name, 1), NAMES.get(name, name).encode(), 1, 0]
            self.put(("registry", "member", member), self.stage("member", about))
            shown += [canonical(("registry", "key", own)), canonical(("registry", "member", member))]
        for one in range(20):
            self.put(("other", str(one)), ["value", 1, one])
        status = ("record-status", identifier(self.signers[0]), self.subject)
        shown.append(canonical(status if self.claim == "record" else self._anchor_key()))
        self.state = self.stage("state", self.state)
        tree = StateTree(self.suite.hash, self.state)
        shown = sorted(self.stage("shown", shown))
        self.states = self.stage("states", [tree.entry(key) for key in shown])
        fields = [self.chain, 5, self.log_root, tree.root(), 6, DAY + 10000]
        text = self.text(*self.stage("checkpoint", fields))
        cosigners = self.stage("cosigners", ["hospital", "platform", "insurer", "regulator"])
        lines = sorted(self.line(name, text) for name in cosigners)
        self.note = self.stage("note", text + b"\n" + b"".join(lines))

    def _anchor_key(self) -> tuple[str, str, str]:
        return "anchor", "chain", self.call[3][0]

    def put(self, key: tuple[object, ...], value: object) -> None:
        """Put a value into the state."""
        self.state[canonical(key)] = canonical(value)

    def _opening(self) -> list[Any] | None:
        if self.claim != "record":
            return None
        return [[self.digests[tag], [list(part)]] for tag, part in self.parts.items()]

    @staticmethod
    def text(chain: str, size: int, log_root: bytes, state_root: bytes, height: int, time: int) -> bytes:
        """Return a checkpoint's text."""
        roots = [base64.b64encode(root).decode() for root in (log_root, state_root)]
        return f"xinglin/{chain}\n{size}\n{roots[0]}\nstate {roots[1]}\nheight {height}\ntime {time}\n".encode()

    def line(self, name: str, text: bytes, label: bytes | None = None) -> bytes:
        """Return a member's signature line over a text."""
        return self.line_by(name, self.key(name), text, label)

    def line_by(self, name: str, key: KeyPair, text: bytes, label: bytes | None = None) -> bytes:
        """Return a member's signature line over a text by some key."""
        member, label = identifier(name), label or self.suite.checkpoint_label
        key_id = hashlib.sha256(member.encode() + b"\n\xff" + label + key.public).digest()[:4]
        return "— ".encode() + member.encode() + b" " + base64.b64encode(key_id + key.sign(text)) + b"\n"

    def trust(self) -> dict[str, Any]:
        """Return a trust file that pins the genesis."""
        return {"xinglin_trust": 1, "chain": self.chain, "genesis": self.genesis_hash.hex()}

    def key_trust(self, names: list[str], quorum: int) -> dict[str, Any]:
        """Return a trust file that pins members' keys."""
        keys = [{"member": identifier(name), "key": self.key(name).public.hex()} for name in names]
        return {"xinglin_trust": 1, "chain": self.chain, "keys": keys, "quorum": quorum}

    def _leaf_hash(self, data: bytes) -> bytes:
        return self.suite.hash(b"\x00" + data)


class StateTree:
    """The state tree by the words of docs/spec/state-tree.md, with no thought for speed."""

    def __init__(self, hash_: Callable[[bytes], bytes], state: Mapping[bytes, bytes]) -> None:
        self.hash, self.state = hash_, state
        self.leaves = {hash_(key): hash_(value) for key, value in state.items()}

    def root(self) -> bytes:
        """Return the state root."""
        return self._root(self.leaves, 0)

    def entry(self, key: bytes) -> list[Any]:
        """Return a bundle's state entry of a key."""
        value = [self.state[key]] if key in self.state else []
        return [key, value, canonical(self.proof(key))]

    def proof(self, key: bytes) -> list[Any]:
        """Return the proof that a key has its value, or none."""
        kh, leaves, siblings = self.hash(key), self.leaves, []
        while len(leaves) > 1:
            sides = self._split(leaves, len(siblings))
            way = _bit(kh, len(siblings))
            siblings.append(self._root(sides[1 - way], len(siblings) + 1))
            leaves = sides[way]
        bits = "".join("0" if sibling == EMPTY else "1" for sibling in siblings)
        padded = bits + "0" * (-len(bits) % 8)
        bitmap = bytes(int(padded[start : start + 8], 2) for start in range(0, len(padded), 8))
        given = b"".join(sibling for sibling in siblings if sibling != EMPTY)
        other = [list(pair) for pair in leaves.items() if pair[0] != kh]
        return ["state-proof", 1, 0 if kh in leaves else len(other) + 1, len(siblings), bitmap, given, other]

    def _root(self, leaves: Mapping[bytes, bytes], depth: int) -> bytes:
        if not leaves:
            return EMPTY
        if len(leaves) == 1:
            ((kh, vh),) = leaves.items()
            return self.hash(b"\x00" + kh + vh)
        left, right = self._split(leaves, depth)
        return self.hash(b"\x01" + self._root(left, depth + 1) + self._root(right, depth + 1))

    @staticmethod
    def _split(leaves: Mapping[bytes, bytes], depth: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        left = {kh: vh for kh, vh in leaves.items() if not _bit(kh, depth)}
        return left, {kh: vh for kh, vh in leaves.items() if _bit(kh, depth)}


def _bit(kh: bytes, depth: int) -> int:
    return int.from_bytes(kh, "big") >> (255 - depth) & 1
