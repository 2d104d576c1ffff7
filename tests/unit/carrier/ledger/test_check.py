"""Stage (a) of the check, A1 to A5: once valid, once with one change; then its code, and nothing has moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chain import Chain, commit, execute, found_chain, outcomes, refused_block
from tests.support.loose import Raw, loose, parsed, put
from xinglin.carrier.ledger.check import Checked, SignatureCache, check_forms, check_signatures
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Batch, Operation, OperationHead
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import Role

LIMITS = {
    "max_transaction_bytes": 2048,
    "max_block_bytes": 4096,
    "max_signers": 2,
    "max_operations": 3,
    "max_items": 4,
    "max_item_bytes": 64,
    "max_argument_bytes": 70,
}
HEADER, SIGNATURES, OPERATIONS = (0,), (1,), (2,)
CHAIN, NONCE, VALID_UNTIL, SIGNERS, COUNT = (0, 2), (0, 3), (0, 4), (0, 5), (0, 6)
FIRST_HEAD = (2, 0, 0)


@pytest.fixture
def chain() -> Chain:
    """Return a chain with small limits."""
    return found_chain(**LIMITS)


@pytest.fixture
def ledger(chain: Chain, home: Path) -> Iterator[Ledger]:
    """Give its ledger."""
    opened = chain.create(home)
    yield opened
    opened.close()


def code(chain: Chain, ledger: Ledger, raw: bytes) -> str:
    """Return the code of the refusal, after trying it alone, before and after a good one."""
    [answer] = ledger.check([raw], ledger.tip.time)
    assert isinstance(answer, PlatformError)
    good = chain.sign()
    for block in ([raw], [good, raw], [raw, good]):
        assert refused_block(ledger, *block) == answer.code
    return answer.code


FORMS: dict[str, Callable[[Any], bytes]] = {
    "empty": lambda tx: b"",
    "cut": lambda tx: loose(tx)[:-1],
    "longer": lambda tx: loose(tx) + b"\x00",
    "twice": lambda tx: loose(tx) * 2,
    "not an array": lambda tx: b"\x01",
    "nil": lambda tx: loose(put(tx, NONCE, Raw(b"\xc0"))),
    "true": lambda tx: loose(put(tx, (0, 1), Raw(b"\xc3"))),
    "float": lambda tx: loose(put(tx, VALID_UNTIL, Raw(b"\xcb" + bytes(8)))),
    "whole float": lambda tx: loose(put(tx, (0, 1), Raw(b"\xca\x3f\x80\x00\x00"))),
    "map": lambda tx: loose(put(tx, OPERATIONS, Raw(b"\x80"))),
    "extension": lambda tx: loose(put(tx, NONCE, Raw(b"\xd8\x01" + bytes(16)))),
    "timestamp": lambda tx: loose(put(tx, VALID_UNTIL, Raw(b"\xd6\xff\x00\x00\x00\x01"))),
    "negative": lambda tx: loose(put(tx, VALID_UNTIL, -1)),
    "above 2^63": lambda tx: loose(put(tx, VALID_UNTIL, 1 << 63)),
    "signed integer": lambda tx: loose(put(tx, (0, 1), Raw(b"\xd0\x01"))),
    "longer integer": lambda tx: loose(put(tx, (0, 1), Raw(b"\xcc\x01"))),
    "integer of 8 bytes": lambda tx: loose(put(tx, (0, 1), Raw(b"\xcf" + (1).to_bytes(8, "big")))),
    "longer bytes": lambda tx: loose(put(tx, NONCE, Raw(b"\xc5\x00\x10" + tx[0][3]))),
    "bytes of 4": lambda tx: loose(put(tx, NONCE, Raw(b"\xc6\x00\x00\x00\x10" + tx[0][3]))),
    "string for bytes": lambda tx: loose(put(tx, NONCE, "a" * 16)),
    "bytes for string": lambda tx: loose(put(tx, CHAIN, tx[0][2].encode())),
    "longer string": lambda tx: loose(put(tx, (0, 0), Raw(b"\xd9\x0btransaction"))),
    "longer array": lambda tx: loose(put(tx, SIGNATURES, Raw(b"\xdc\x00\x01" + loose(tx[1])[1:]))),
    "array of 4": lambda tx: loose(put(tx, SIGNATURES, Raw(b"\xdd\x00\x00\x00\x01" + loose(tx[1])[1:]))),
    "array longer than the input": lambda tx: loose(put(tx, SIGNATURES, Raw(b"\xdd\xff\xff\xff\xff"))),
    "bytes longer than the input": lambda tx: loose(put(tx, NONCE, Raw(b"\xc6\xff\xff\xff\xff"))),
    "unused byte of the format": lambda tx: loose(put(tx, NONCE, Raw(b"\xc1"))),
    "deep": lambda tx: b"\x91" * 2000,
    "deep inside": lambda tx: loose(put(tx, OPERATIONS, Raw(b"\x91" * 1500 + b"\x00"))),
    "other kind": lambda tx: loose(put(tx, (0, 0), "transactioN")),
    "other version": lambda tx: loose(put(tx, (0, 1), 2)),
    "field added to the transaction": lambda tx: loose([*tx, 0]),
    "field added to the header": lambda tx: loose(put(tx, HEADER, [*tx[0], 0])),
    "field left out": lambda tx: loose(put(tx, HEADER, tx[0][:-1])),
    "head without batch": lambda tx: loose(put(tx, FIRST_HEAD, tx[2][0][0][:-1])),
    "two batches": lambda tx: loose(put(tx, (*FIRST_HEAD, 4), [[1, bytes(32)], [1, bytes(32)]])),
    "chain id in capitals": lambda tx: loose(put(tx, CHAIN, tx[0][2].upper())),
    "chain id and newline": lambda tx: loose(put(tx, CHAIN, tx[0][2] + "\n")),
    "nonce of 15": lambda tx: loose(put(tx, NONCE, bytes(15))),
    "signature of 63": lambda tx: loose(put(tx, (1, 0), bytes(63))),
    "key of 66": lambda tx: loose(put(tx, (0, 5, 0), bytes(66))),
    "root of 31": lambda tx: loose(put(tx, (0, 7), bytes(31))),
    "contract name in capitals": lambda tx: loose(put(tx, (*FIRST_HEAD, 0), "Counter")),
    "contract name not ASCII": lambda tx: loose(put(tx, (*FIRST_HEAD, 0), "cöunter")),
    "contract name not UTF-8": lambda tx: loose(put(tx, (*FIRST_HEAD, 0), Raw(b"\xa2\xff\xfe"))),
    "contract name of 65": lambda tx: loose(put(tx, (*FIRST_HEAD, 0), "a" * 65)),
}


@pytest.mark.requirement("S9.1")
@pytest.mark.parametrize("form", FORMS)
def test_a1_only_the_canonical_encoding_is_a_transaction(chain: Chain, ledger: Ledger, form: str) -> None:
    raw = chain.sign()
    assert loose(parsed(raw)) == raw
    assert code(chain, ledger, FORMS[form](parsed(raw))) == "transaction.malformed"
    assert outcomes(commit(ledger, raw)) == [0]


def test_a1_size(home: Path) -> None:
    exact = len(found_chain().sign(found_chain().batch(bytes(100))))
    chain = found_chain(max_transaction_bytes=exact)
    ledger = chain.create(home)
    assert outcomes(commit(ledger, chain.sign(chain.batch(bytes(100))))) == [0]
    assert code(chain, ledger, chain.sign(chain.batch(bytes(101)))) == "transaction.too_large"
    ledger.close()


def test_a1_a_transaction_that_fits_no_block_is_too_large(home: Path) -> None:
    chain = found_chain(max_block_bytes=300)
    ledger = chain.create(home)
    [answer] = ledger.check([chain.sign(chain.batch(bytes(200)))], ledger.tip.time)
    assert isinstance(answer, PlatformError)
    assert (answer.code, answer.facts["limit"]) == ("transaction.too_large", "max_block_bytes")
    ledger.close()


def test_a2_other_chain(chain: Chain, ledger: Ledger) -> None:
    other = found_chain()
    assert code(chain, ledger, chain.sign(chain=other.rules.chain)) == "transaction.other_chain"
    assert outcomes(commit(ledger, chain.sign())) == [0]


def test_a3_number_of_signers(chain: Chain, ledger: Ledger) -> None:
    keys = [chain.key(0), chain.key(1), chain.key(0, Role.PRACTITIONER)]
    assert outcomes(commit(ledger, chain.sign(keys=keys[:1]), chain.sign(keys=keys[:2]))) == [0, 0]
    assert code(chain, ledger, chain.sign(keys=keys)) == "transaction.too_large"
    nobody = parsed(chain.sign())
    nobody[0][5], nobody[1] = [], []
    assert code(chain, ledger, loose(nobody)) == "transaction.malformed"


def test_a3_signers_are_distinct(chain: Chain, ledger: Ledger) -> None:
    assert code(chain, ledger, chain.sign(keys=[chain.key(), chain.key()])) == "transaction.malformed"


@pytest.mark.requirement("S6.2a1")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a3_as_many_signatures_as_signers(chain: Chain, ledger: Ledger, count: int) -> None:
    tx = parsed(chain.sign(keys=[chain.key(0), chain.key(1)]))
    tx[1] = (tx[1] * 2)[:count]
    assert code(chain, ledger, loose(tx)) == "transaction.malformed"


def test_a3_keys_of_the_suite(chain: Chain, ledger: Ledger) -> None:
    short = put(parsed(chain.sign()), (0, 5, 0), bytes(32))
    assert code(chain, ledger, loose(short)) == "transaction.malformed"


def test_a3_number_of_operations(chain: Chain, ledger: Ledger) -> None:
    assert outcomes(commit(ledger, chain.sign(*[chain.add()] * 3))) == [0]
    assert code(chain, ledger, chain.sign(*[chain.add()] * 4)) == "transaction.too_large"
    none = parsed(chain.sign())
    none[2], none[0][6], none[0][7] = [], 0, chain.suite.hash(b"")
    assert code(chain, ledger, loose(none)) == "transaction.malformed"


def test_a3_as_many_operations_as_the_header_says(chain: Chain, ledger: Ledger) -> None:
    """The root alone does not say how many: a path of three operations is one of four, too."""
    key = chain.key()
    for count in (2, 4):
        tx = put(parsed(chain.sign(*[chain.add()] * 3)), COUNT, count)
        assert code(chain, ledger, chain.sign_again(loose(tx), key)) == "transaction.malformed"


def batch_of(chain: Chain, items: list[bytes], count: int | None = None, root: bytes | None = None) -> Operation:
    """Return a call with a batch, of which count and root can be wrong."""
    true_root = chain.suite.merkle_roots_of([items])[0]
    batch = Batch(len(items) if count is None else count, true_root if root is None else root)
    head = OperationHead("counter", 1, "batch", b"\x91\xa5batch", (batch,))
    return Operation(head, tuple(items))


def test_a3_number_of_items(chain: Chain, ledger: Ledger) -> None:
    assert outcomes(commit(ledger, chain.sign(chain.batch(*[b"i"] * 4)), chain.sign(chain.batch(b"i")))) == [0, 0]
    assert code(chain, ledger, chain.sign(chain.batch(*[b"i"] * 5))) == "transaction.too_large"
    assert code(chain, ledger, chain.sign(batch_of(chain, [], count=0))) == "transaction.malformed"
    assert code(chain, ledger, chain.sign(batch_of(chain, [b"i"], count=2))) == "transaction.malformed"
    assert code(chain, ledger, chain.sign(batch_of(chain, [b"i", b"j"], count=1))) == "transaction.malformed"
    unbatched = Operation(chain.add().head, (b"i",))
    assert code(chain, ledger, chain.sign(unbatched)) == "transaction.malformed"


def test_a3_size_of_items(chain: Chain, ledger: Ledger) -> None:
    assert outcomes(commit(ledger, chain.sign(chain.batch(bytes(64), b"i")))) == [0]
    assert code(chain, ledger, chain.sign(chain.batch(b"i", bytes(65)))) == "transaction.too_large"
    assert code(chain, ledger, chain.sign(chain.batch(b"i", b""))) == "transaction.malformed"


def test_a3_size_of_arguments(chain: Chain, ledger: Ledger) -> None:
    name = "a" * 64  # with its frame 67 bytes
    assert outcomes(commit(ledger, chain.sign(chain.add(name, 300)))) == [0]
    assert code(chain, ledger, chain.sign(chain.add(name, 1 << 16))) == "transaction.too_large"


def test_a4_root_of_operations(chain: Chain, ledger: Ledger) -> None:
    one, other = parsed(chain.sign(chain.add("a"))), parsed(chain.sign(chain.add("b")))
    assert code(chain, ledger, loose(put(one, OPERATIONS, other[2]))) == "transaction.malformed"
    two = parsed(chain.sign(chain.add("a"), chain.add("b")))
    assert code(chain, ledger, loose(put(two, OPERATIONS, two[2][::-1]))) == "transaction.malformed"
    assert code(chain, ledger, loose(put(two, OPERATIONS, two[2][:1]))) == "transaction.malformed"


def test_a4_root_of_items(chain: Chain, ledger: Ledger) -> None:
    good = chain.sign(batch_of(chain, [b"i", b"j"]))
    assert code(chain, ledger, chain.sign(batch_of(chain, [b"i", b"j"], root=bytes(32)))) == "transaction.malformed"
    assert code(chain, ledger, loose(put(parsed(good), (2, 0, 1), [b"j", b"i"]))) == "transaction.malformed"
    assert outcomes(commit(ledger, good)) == [0]


@pytest.mark.requirement(
    "S6.2a1", part="calls of contracts; deployment and upgrade come with contracts that can be deployed"
)
def test_a5_signatures(chain: Chain, ledger: Ledger) -> None:
    keys = [chain.key(0), chain.key(1)]
    good = chain.sign(keys=keys)
    tx = parsed(good)
    flipped = bytes([tx[1][1][0] ^ 1]) + tx[1][1][1:]
    [answer] = ledger.check([loose(put(tx, (1, 1), flipped))], ledger.tip.time)
    assert isinstance(answer, PlatformError)
    assert answer.facts == {"position": 1}
    assert code(chain, ledger, loose(put(tx, (1, 1), flipped))) == "transaction.signature"
    assert code(chain, ledger, loose(put(tx, SIGNATURES, tx[1][::-1]))) == "transaction.signature"
    assert code(chain, ledger, loose(put(tx, (1, 0), bytes(64)))) == "transaction.signature"
    assert code(chain, ledger, loose(put(tx, SIGNATURES, parsed(chain.sign(keys=keys))[1]))) == "transaction.signature"
    assert code(chain, ledger, loose(put(tx, VALID_UNTIL, tx[0][4] + 1))) == "transaction.signature"
    assert outcomes(commit(ledger, good)) == [0]


def test_a5_the_same_answer_when_the_cache_knows_the_transaction(chain: Chain, ledger: Ledger) -> None:
    raw = chain.sign()
    again, forged = chain.sign_again(raw), loose(put(parsed(raw), (1, 0), bytes(64)))
    for _ in range(2):
        verdicts = ledger.check([raw, forged, again], ledger.tip.time)
        assert [getattr(one, "code", 0) for one in verdicts] == [0, "transaction.signature", 0]
    assert refused_block(ledger, raw, forged) == "transaction.signature"
    assert outcomes(commit(ledger, again)) == [0]


def test_only_what_verified_is_remembered_by_its_transaction_hash(chain: Chain) -> None:
    raw = chain.sign()
    forged = loose(put(parsed(raw), (1, 0), bytes(64)))
    one, other = (form for form in check_forms(chain.rules, [raw, forged]) if isinstance(form, Checked))
    cache = SignatureCache()
    assert [refusal is None for refusal in check_signatures(chain.rules, cache, [one, other])] == [True, False]
    assert one.body == other.body
    assert [hash_ in cache for hash_ in (one.hash, other.hash, one.body)] == [True, False, False]


def test_the_cache_forgets_the_oldest() -> None:
    cache = SignatureCache(capacity=2)
    for hash_ in (b"1", b"2", b"1", b"3"):
        cache.add(hash_)
    assert [hash_ in cache for hash_ in (b"1", b"2", b"3")] == [False, True, True]


def test_answers_are_in_order_whatever_is_between(chain: Chain, ledger: Ledger) -> None:
    raws = [
        b"",
        chain.sign(),
        chain.sign(chain=found_chain().rules.chain),
        chain.sign(),
        chain.sign(*[chain.add()] * 4),
    ]
    answers = ledger.check(raws, ledger.tip.time)
    codes = [0, "transaction.other_chain", 0, "transaction.too_large"]
    assert [getattr(one, "code", 0) for one in answers] == ["transaction.malformed", *codes]
    assert [one.raw for one in (answers[1], answers[3])] == [raws[1], raws[3]]  # type: ignore[union-attr]


def test_t1_size_of_a_block(chain: Chain, ledger: Ledger) -> None:
    raws = [chain.sign(chain.batch(*[bytes(60)] * 4)) for _ in range(20)]
    count = LIMITS["max_block_bytes"] // len(raws[0])
    assert refused_block(ledger, *raws[: count + 1]) == "it is too large"
    assert outcomes(commit(ledger, *raws[:count])) == [0] * count


def test_an_empty_block_is_a_block(ledger: Ledger) -> None:
    candidate = execute(ledger)
    assert candidate.results == []
    assert candidate.tip.app_hash == ledger.tip.app_hash
    ledger.discard(candidate)


def test_a_block_of_another_round_is_not_verified_again(
    chain: Chain, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at ahead goes into the first round's block; verified again, the next could take as long."""
    raw, verified = chain.sign(), list[bytes]()
    suite = type(chain.rules.suite)
    verify = suite.verify_many
    monkeypatch.setattr(
        suite, "verify_many", lambda self, keys, *more: verified.extend(keys) or verify(self, keys, *more)
    )
    ledger.look_ahead([raw])
    for later in range(1, 4):
        ledger.discard(execute(ledger, raw, time=chain.start + later))
    assert len(verified) == 1
