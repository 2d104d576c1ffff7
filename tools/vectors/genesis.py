"""Vectors of docs/spec/genesis.md: genesis good and bad by rule, chain ids, proofs of key, chains of epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace
from xinglin_verify.sm2 import G, P

from tools.vectors.form import Case, file, splice
from tools.vectors.keys import FixedKey, fixed_id
from tools.vectors.members import Member, cast, genesis_of
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.bundle_model import EpochStep, EpochVote
from xinglin.carrier.ledger.genesis import chain_id, epoch_hash, epoch_zero, genesis_hash, key_proof_message
from xinglin.carrier.ledger.model import Epoch, Founder, Genesis, Parameters, Profile
from xinglin.kernel.encoding import pack

FOUNDERS = ("hospital-a", "hospital-b", "platform", "regulator")
Founders = tuple[Founder, ...]
MINUS_G = b"\x04" + G.x.to_bytes(32, "big") + (P - G.y).to_bytes(32, "big")


def geneses() -> str:
    """Return genesis.json."""
    cases: list[Case] = []
    for name in ("gm", "intl"):
        members = cast(suite(name))
        founders = [members[label] for label in FOUNDERS]
        genesis = genesis_of(founders, Profile.CONSORTIUM, threshold=2, quorum=3)
        backwards = replace(genesis, founders=genesis.founders[::-1])
        private = genesis_of(founders[:1], Profile.PRIVATE, threshold=1, quorum=1)
        supervision = genesis_of([members["regulator"], founders[0]], Profile.SUPERVISION, threshold=1, quorum=2)
        cases += [
            _good(name, "a consortium of four", genesis),
            _good(name, "the same founders in another order", backwards),
            _good(name, "a private chain", private),
            _good(name, "a supervision chain", supervision),
        ]
        cases += [
            {"suite": name, "name": what, "valid": False, "rule": rule, "splice": splice(pack(genesis), pack(bad))}
            for rule, what, bad in _bad(genesis, members)
        ]
    how = (
        "Bad ones break the one rule that they name; proofs of key are made again for what changed. They are the first"
        " genesis of their suite with bytes replaced: [offset, how many are removed, hex of what is put there]."
    )
    return file(how, cases)


def _good(suite_name: str, name: str, genesis: Genesis) -> Case:
    hash_ = suite(suite_name).hash
    chain = chain_id(hash_, genesis)
    return {
        "suite": suite_name,
        "name": name,
        "valid": True,
        "hex": pack(genesis).hex(),
        "hash": genesis_hash(hash_, genesis).hex(),
        "chain": chain,
        "epoch_zero": pack(epoch_zero(chain, genesis)).hex(),
    }


def _bad(genesis: Genesis, members: Mapping[str, Member]) -> Iterator[tuple[str, str, Genesis]]:
    first, second, *others = genesis.founders
    again = {member.member: member for member in members.values()}

    def proven(founder: Founder, key: FixedKey) -> Founder:
        """Give a founder another cosigning key, proven."""
        return replace(founder, key=key.public, proof=key.prove("genesis", founder.member, ""))

    def of(*founders: Founder) -> Genesis:
        return replace(genesis, founders=founders)

    yield "G1", "nobody", of()
    two = [again[first.member], again[second.member]]
    yield "G1", "a private chain of two", genesis_of(two, Profile.PRIVATE, threshold=2, quorum=2)
    key = again[first.member].key
    renamed = replace(second, member=first.member)
    yield "G2", "a member twice (N1)", of(first, proven(renamed, again[second.member].key), *others)
    yield "G2", "one cosigning key for two (N1)", of(first, proven(second, key), *others)
    yield "G2", "half the votes (N2)", replace(genesis, threshold=1)
    yield "G2", "more than the votes (N2)", replace(genesis, threshold=4)
    yield "G2", "half the cosigners (N2)", replace(genesis, quorum=2)
    yield "G2", "more than the cosigners (N2)", replace(genesis, quorum=5)
    taken = first.accounts[0]
    mine = FixedKey(again[second.member].suite, "another")
    same_id = replace(taken, key=mine.public, proof=mine.prove("genesis", second.member, taken.account))
    yield "G3", "one account id for two", of(first, replace(second, accounts=(same_id,)), *others)
    theirs = again[first.member].account_key(taken.roles[0])
    account = fixed_id("another account")
    same_key = replace(taken, account=account, proof=theirs.prove("genesis", second.member, account))
    yield "G3", "one account key for two", of(first, replace(second, accounts=(same_key,)), *others)
    yield "G4", "a cosigning key without proof", of(replace(first, proof=bytes(64)), second, *others)
    wrong = replace(taken, proof=first.proof)
    yield "G4", "an account key with another proof", of(replace(first, accounts=(wrong,)), second, *others)
    scope = key.prove("c" + fixed_id("chain"), first.member, "")
    yield "G4", "a proof for another scope", of(replace(first, proof=scope), second, *others)
    yield "G5", "a parameter of zero", replace(genesis, parameters=Parameters(max_signers=0))


def key_proofs() -> str:
    """Return key-proofs.json."""
    cases: list[Case] = []
    for name in ("gm", "intl"):
        chosen = suite(name)
        key, member, account = FixedKey(chosen, "prover"), fixed_id("member"), fixed_id("account")
        for scope in ("genesis", "c" + fixed_id("chain")):
            for whose in ("", account):
                signature = key.prove(scope, member, whose)
                cases.append(_proof(chosen, scope, member, whose, key.public, signature, valid=True))
        good = key.prove("genesis", member, "")
        message = key_proof_message(chosen.hash, "genesis", member, "", key.public)
        other = FixedKey(chosen, "other")
        for public, signature in _forged(name, key.public, good, other.public, other.sign(message)):
            cases.append(_proof(chosen, "genesis", member, "", public, signature, valid=False))
    how = "The key is made from the name prover. Bad ones: keys and signatures that must not verify."
    return file(how, cases)


def _forged(suite_name: str, public: bytes, good: bytes, other: bytes, others: bytes) -> Sequence[tuple[bytes, bytes]]:
    """Return keys and signatures that don't prove what they stand beside."""
    order = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
    forged = [(public, others), (other, good), (public, bytes(64)), (public, good[32:] + good[:32])]
    if suite_name == "intl":
        ed25519_order = 2**252 + 27742317777372353535851937790883648493
        s = int.from_bytes(good[32:], "little") + ed25519_order
        return [*forged, (public, good[:32] + s.to_bytes(32, "little")), (bytes(32), good), (b"\x01" + bytes(31), good)]
    r, s = (int.from_bytes(part, "big") for part in (good[:32], good[32:]))
    return [
        *forged,
        (public, r.to_bytes(32, "big") + (order - s).to_bytes(32, "big")),
        (public, bytes(32) + good[32:]),
        (public, good[:32] + bytes(32)),
        (public, b"\xff" * 32 + good[32:]),
        (public[:-1] + bytes([public[-1] ^ 1]), good),
        (b"\x04" + bytes(64), good),
        (MINUS_G, good),
        (public[:1].replace(b"\x04", b"\x06") + public[1:], good),
    ]


def _proof(chosen: Suite, scope: str, member: str, account: str, key: bytes, signature: bytes, *, valid: bool) -> Case:
    return {
        "suite": chosen.name,
        "valid": valid,
        "scope": scope,
        "member": member,
        "account": account,
        "key": key.hex(),
        "message": key_proof_message(chosen.hash, scope, member, account, key).hex(),
        "signature": signature.hex(),
    }


def epochs() -> str:
    """Return epochs.json."""
    cases: list[Case] = []
    geneses: dict[str, str] = {}
    for name in ("gm", "intl"):
        chosen = suite(name)
        members = cast(chosen)
        genesis = genesis_of([members[label] for label in FOUNDERS], Profile.CONSORTIUM, threshold=2, quorum=3)
        geneses[name] = pack(genesis).hex()
        steps = _steps(genesis, members)
        cases.append(_chain(chosen, "no epoch after the first", []))
        cases.append(_chain(chosen, "a member joins", steps[:1]))
        cases.append(_chain(chosen, "a member joins, another changes its key", steps))
        for rule, what, change in BREACHES:
            bad = [change(steps[0], members)]
            cases.append(_chain(chosen, what, bad, rule))
        for what, key in _no_keys(name).items():
            cases.append(_chain(chosen, what, [_keyed(steps[0], members, key)], "N1"))
        cases.append(_chain(chosen, "an epoch is left out", steps[1:], "N3"))
        cases.append(_chain(chosen, "an epoch is there twice", steps[:1] * 2, "N3"))
    how = "Epochs after 0 with their votes, from the genesis of the suite; bad ones break the rule that they name."
    return file(how, cases, geneses=geneses)


def _no_keys(suite_name: str) -> dict[str, bytes]:
    """Return keys of the right length that are no keys of a suite."""
    if suite_name == "intl":
        return {
            "a key of small order": b"\x01" + bytes(31),
            "a key that is no point": b"\x02" + bytes(31),
            "a key in another encoding": ((1 << 255) - 16).to_bytes(32, "little"),
        }
    return {
        "the key of the private key n-1": MINUS_G,
        "a key that is no point": b"\x04" + bytes(64),
        "a key with another first byte": b"\x06" + MINUS_G[1:33] + G.y.to_bytes(32, "big"),
    }


def _keyed(step: EpochStep, members: Mapping[str, Member], key: bytes) -> EpochStep:
    first, *others = step.epoch.members
    return _revoted(members=(replace(first, key=key), *others))(step, members)


def _chain(chosen: Suite, name: str, steps: Sequence[EpochStep], rule: str = "") -> Case:
    case: Case = {"suite": chosen.name, "name": name, "valid": not rule, "steps": [pack(step).hex() for step in steps]}
    if rule:
        return case | {"rule": rule}
    return case | {"hashes": [epoch_hash(chosen.hash, step.epoch).hex() for step in steps]}


def _steps(genesis: Genesis, members: Mapping[str, Member]) -> list[EpochStep]:
    chosen = members["platform"].suite
    first = epoch_zero(chain_id(chosen.hash, genesis), genesis)
    joined = sorted([*first.members, members["insurer"].entry()], key=lambda entry: entry.member)
    one = _next(chosen, first, 6, tuple(joined), threshold=3)
    new = FixedKey(chosen, "platform, later")
    platform = members["platform"].member
    rekeyed = tuple(replace(entry, key=new.public) if entry.member == platform else entry for entry in one.members)
    two = _next(chosen, one, 20, rekeyed, threshold=3)
    voters = ("hospital-a", "hospital-b"), ("hospital-a", "insurer", "platform")
    return [_voted(epoch, [members[label] for label in who]) for epoch, who in zip((one, two), voters, strict=True)]


def _next(chosen: Suite, before: Epoch, height: int, members: tuple[object, ...], threshold: int) -> Epoch:
    return replace(
        before,
        number=before.number + 1,
        previous=epoch_hash(chosen.hash, before),
        from_height=height,
        threshold=threshold,
        members=members,
    )


def _voted(epoch: Epoch, voters: Sequence[Member]) -> EpochStep:
    votes = sorted((EpochVote(voter.member, voter.vote(epoch)) for voter in voters), key=lambda vote: vote.member)
    return EpochStep(epoch, tuple(votes))


def _revoted(**changes: object) -> Callable[[EpochStep, Mapping[str, Member]], EpochStep]:
    """Return a change of an epoch that its members vote for again."""
    return lambda step, members: _voted(replace(step.epoch, **changes), [members["hospital-a"], members["hospital-b"]])


BREACHES: tuple[tuple[str, str, Callable[[EpochStep, Mapping[str, Member]], EpochStep]], ...] = (
    (
        "N1",
        "members out of order",
        lambda step, members: _revoted(members=step.epoch.members[::-1])(step, members),
    ),
    (
        "N1",
        "one key for two",
        lambda step, members: _revoted(
            members=(replace(step.epoch.members[0], key=step.epoch.members[1].key), *step.epoch.members[1:])
        )(step, members),
    ),
    (
        "N1",
        "a key of the other suite's length",
        lambda step, members: _revoted(
            members=(
                replace(step.epoch.members[0], key=bytes(97 - len(step.epoch.members[0].key))),
                *step.epoch.members[1:],
            )
        )(step, members),
    ),
    ("N2", "half the votes", _revoted(threshold=2)),
    ("N2", "more than the votes", _revoted(threshold=5)),
    ("N2", "half the cosigners", _revoted(quorum=2)),
    ("N2", "more than the cosigners", _revoted(quorum=6)),
    ("N3", "another chain", _revoted(chain="c" + fixed_id("chain"))),
    ("N3", "a number too high", _revoted(number=2)),
    ("N3", "another epoch before", _revoted(previous=bytes(32))),
    ("N3", "no later height", _revoted(from_height=0)),
    ("N4", "one vote of two", lambda step, _: replace(step, votes=step.votes[:1])),
    ("N4", "one vote twice", lambda step, _: replace(step, votes=step.votes[:1] * 2)),
    ("N4", "votes out of order", lambda step, _: replace(step, votes=step.votes[::-1])),
    (
        "N4",
        "a vote by who has none",
        lambda step, members: _voted(step.epoch, [members["hospital-a"], members["regulator"]]),
    ),
    (
        "N4",
        "a vote by who joins",
        lambda step, members: _voted(step.epoch, [members["hospital-a"], members["insurer"]]),
    ),
    (
        "N4",
        "a vote for another epoch",
        lambda step, _: replace(step, epoch=replace(step.epoch, from_height=7)),
    ),
)
