"""A node in a process of its own: what it answers to clients, members, strangers and its own user (S6.2f, S6.3a)."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract_parties import Key
from tests.support.product import PASSPHRASE, opened, xinglin
from tests.support.served import (
    Served,
    end_account_call,
    hear,
    home_to_serve,
    new_identifier,
    raw,
    request,
    serving,
    start,
)
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.errors import AccountUnknown
from xinglin.carrier.access.registry.model import NAMESPACE, AccountState, AddNode, EndAccount
from xinglin.carrier.consensus.ports import Committed
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Signer, build_transaction, operation
from xinglin.carrier.ledger.checkpoint import SignatureType, SignedNote, sign_head
from xinglin.carrier.ledger.errors import (
    CheckpointFork,
    CheckpointInvalid,
    CheckpointUnavailable,
    SignatureInvalid,
    SignerEnded,
    SignerUnknown,
    TransactionExpired,
    TransactionMalformed,
)
from xinglin.carrier.ledger.model import Operation, SuiteNumber
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, COSIGNING, SEALING, SERVICE
from xinglin.node.remote.claims import Patience
from xinglin.node.remote.errors import (
    NodeElsewhere,
    NodesAway,
    RequestForged,
    RequestSeen,
    RequestStale,
    RequestUnsigned,
)
from xinglin.node.remote.forms import PREFIX, frame
from xinglin.node.remote.served import ServedHome
from xinglin.node.remote.signed import HEADER, NodeRequest, sign_request

GM = suite("gm")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a home that can be served, and the ids of three accounts of it."""
    return home_to_serve(tmp_path_factory.mktemp("served"), accounts=3, source_requests=100_000.0, commit_seconds=60.0)


@pytest.fixture(scope="module")
def served(place: tuple[Path, list[str]]) -> Iterator[Served]:
    """Return the home, served."""
    with serving(place[0]) as one:
        yield one


def add_node(served: Served) -> Operation:
    """Return a call that adds a node of the member."""
    return operation(GM, "registry", "add_node", AddNode(new_identifier(), served.keys.public(SEALING)))


def signed_by(served: Served, *operations: Operation, key: str = ADMINISTRATOR, valid_ms: int = 60_000) -> bytes:
    """Return a signed transaction."""
    until = SystemClock().now_ms() + valid_ms
    chain = served.said["chain"]
    return build_transaction(GM, chain, random_bytes(16), until, operations, [served.signer(key)]).raw


@pytest.mark.requirement("S6.2f", part="one node; a list of nodes is in test_switching_nodes")
def test_a_client_submits_waits_and_finds_where_it_went(served: Served) -> None:
    client = served.client()
    raws = [signed_by(served, add_node(served)) for _ in range(5)]
    outcomes = client.submit_many(raws)
    assert all(isinstance(one, Committed) and one.code == 0 for one in outcomes)
    # The very same bytes lead to the same place, also through the other listener.
    assert served.client(served.local).submit_many(raws) == outcomes
    built = client.build([add_node(served)], [served.signer(ADMINISTRATOR)])
    committed = client.submit(built.raw)
    assert client.find(built.valid_until, built.body) == committed
    assert client.head().height >= committed.height


def test_refusals_come_back_with_their_facts(served: Served) -> None:
    client, nobody = served.client(), new_identifier()
    with pytest.raises(AccountUnknown) as refused:
        client.call([end_account_call(nobody)], [served.signer(ADMINISTRATOR)])
    assert refused.value.facts["account"] == nobody
    good = signed_by(served, add_node(served))
    bad = good.replace(served.keys.public(ADMINISTRATOR), served.keys.public(SERVICE))
    late = signed_by(served, add_node(served), valid_ms=-60_000)
    key = Key(GM)
    until, signer = SystemClock().now_ms() + 60_000, Signer(key.public, key.sign)
    stranger = build_transaction(GM, client.chain, random_bytes(16), until, [add_node(served)], [signer])
    outcomes = client.submit_many([good, bad, late, stranger.raw])
    assert isinstance(outcomes[0], Committed)
    assert [type(one) for one in outcomes[1:]] == [SignatureInvalid, TransactionExpired, SignerUnknown]


def test_values_come_with_proofs_that_hold_and_checkpoints_with_a_signature(served: Served) -> None:
    node = served.member(served.signer(SERVICE))
    head = node.head()
    account = decode(AccountState, _value(served, "account", _account(served, SERVICE)))
    assert account.member == head.member
    absent = node.value(state_key(NAMESPACE, "account", new_identifier()))
    assert absent.value is None
    older = node.value(state_key(NAMESPACE, "member", head.member), head.height)
    assert older.head.height == head.height
    assert older.value is not None
    note = node.checkpoint(head.height)
    assert note.head.state_root == older.head.state_root
    assert [line.member for line in note.signatures] == [head.member]
    assert node.cosign(note) == note.signatures[0]
    assert len(node.epochs()) == 1
    with pytest.raises(CheckpointUnavailable):
        node.checkpoint(10_000_000)
    with pytest.raises(CheckpointUnavailable):
        node.value(b"\x91\x01", 10_000_000)


def _account(served: Served, key: str) -> str:
    stored = served.member(served.signer(SERVICE)).value(state_key(NAMESPACE, "key", served.keys.public(key))).value
    assert stored is not None
    return str(decode(list, stored)[2])


def _value(served: Served, table: str, name: str) -> bytes:
    stored = served.member(served.signer(SERVICE)).value(state_key(NAMESPACE, table, name)).value
    assert stored is not None
    return stored


def test_a_checkpoint_that_nobody_signed_is_no_fork_and_one_that_contradicts_is_kept(tmp_path: Path) -> None:
    home, _ = home_to_serve(tmp_path)
    with serving(home) as served:
        node = served.member(served.signer(SERVICE))
        note = node.checkpoint(node.head().height)
        forged = SignedNote(replace(note.head, state_root=bytes(32)), note.signatures)
        with pytest.raises(CheckpointInvalid):
            node.cosign(forged)
        assert node.cosign(note) == note.signatures[0]
        other = _signed_by_cosigner(served, forged)
        with pytest.raises(CheckpointFork):
            node.cosign(other)
        with pytest.raises(CheckpointUnavailable):
            node.cosign(note)
    assert list((home / "chain" / served.said["chain"] / "evidence").glob("fork-*-theirs.note"))


def _signed_by_cosigner(served: Served, note: SignedNote) -> SignedNote:
    signer = served.signer(COSIGNING)
    line = sign_head(
        note.head, note.signatures[0].member, signer.key, SuiteNumber.GM, SignatureType.CHECKPOINT, signer.sign
    )
    return SignedNote(note.head, (line,))


# --- who may ask ---

Change = Callable[[NodeRequest], NodeRequest]
GUARDED = (
    ("GET", f"{PREFIX}/checkpoint/0", b""),
    ("POST", f"{PREFIX}/cosign", b"x"),
    ("GET", f"{PREFIX}/value/9101", b""),
)


def signed_headers(served: Served, method: str, path: str, body: bytes, /, **changed: Any) -> dict[str, str]:
    """Return the header that signs a request; ``changed`` replaces what is signed, ``signer`` who signs."""
    signer = changed.pop("signer", None) or served.signer(SERVICE)
    fields: dict[str, Any] = {
        "chain": served.said["chain"],
        "node": served.said["node"],
        "method": method,
        "path": path.encode(),
        "body": GM.hash(body),
        "key": signer.key,
        "time": SystemClock().now_ms(),
        "nonce": random_bytes(16),
    } | changed
    return {HEADER: sign_request(GM.hash, NodeRequest(**fields), signer)}


@pytest.mark.requirement("S6.3a", part="who asks a node")
@pytest.mark.parametrize(("method", "path", "body"), GUARDED)
def test_a_stranger_learns_nothing_that_is_for_members(served: Served, method: str, path: str, body: bytes) -> None:
    unsigned = raw(served.members, request(method, path, body))
    assert (unsigned.status, unsigned.code) == (401, RequestUnsigned.code)
    stranger = Key(GM)
    headers = signed_headers(served, method, path, body, signer=Signer(stranger.public, stranger.sign))
    answer = raw(served.members, request(method, path, body, headers))
    assert (answer.status, answer.code) == (401, SignerUnknown.code)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"chain": "c" + "a" * 26}, RequestForged),
        ({"node": "a" * 26}, RequestForged),
        ({"method": "POST"}, RequestForged),
        ({"path": f"{PREFIX}/checkpoint/1".encode()}, RequestForged),
        ({"path": f"{PREFIX}/checkpoint/0?a=1".encode()}, RequestForged),
        ({"body": bytes(32)}, RequestForged),
        ({"time": 1}, RequestStale),
        ({"time": 9_000_000_000_000}, RequestStale),
    ],
)
def test_a_signature_is_for_one_request_to_one_node(
    served: Served, changed: dict[str, Any], expected: type[PlatformError]
) -> None:
    path = f"{PREFIX}/checkpoint/0"
    answer = raw(served.members, request("GET", path, b"", signed_headers(served, "GET", path, b"", **changed)))
    assert (answer.status, answer.code) == (401, expected.code)


def test_a_signed_request_is_answered_once(served: Served) -> None:
    path = f"{PREFIX}/checkpoint/0"
    sent = request("GET", path, b"", signed_headers(served, "GET", path, b""))
    assert raw(served.members, sent).status == 200
    again = raw(served.members, sent)
    assert (again.status, again.code) == (409, RequestSeen.code)


def test_a_request_for_a_cosignature_is_answered_once(served: Served) -> None:
    note = served.member(served.signer(SERVICE)).checkpoint(0).encode()
    path = f"{PREFIX}/cosign"
    sent = request("POST", path, note, signed_headers(served, "POST", path, note))
    assert raw(served.members, sent).status == 200
    again = raw(served.members, sent)
    assert (again.status, again.code) == (409, RequestSeen.code)


def test_what_was_signed_before_the_process_began_is_not_answered(served: Served) -> None:
    path, began = f"{PREFIX}/checkpoint/0", json.loads(_local(served, "/status").body)["started_ms"]
    if SystemClock().now_ms() - began > 25_000:
        pytest.skip("the process has run for longer than a request is answered")
    headers = signed_headers(served, "GET", path, b"", time=began - 1)
    answer = raw(served.members, request("GET", path, b"", headers))
    assert (answer.status, answer.code) == (401, RequestStale.code)


def test_an_ended_account_asks_no_more(served: Served, place: tuple[Path, list[str]]) -> None:
    account = place[1][0]
    node = served.member(served.signer(f"account-{account}"))
    assert node.checkpoint(0).head.height == 0
    served.client().call([end_account_call(account)], [served.signer(ADMINISTRATOR)])
    with pytest.raises(SignerEnded):
        node.checkpoint(0)


# --- what is not in form ---

HEAD = f"{PREFIX}/head"
TRANSACTIONS = f"{PREFIX}/transactions"
MALFORMED = [
    (request("GET", HEAD + "?a=1"), 400, "server.parameter"),
    (request("GET", HEAD, b"body"), 413, "server.too_large"),
    (request("GET", HEAD + "/"), 404, "server.route"),
    (request("DELETE", HEAD), 405, "server.method"),
    (request("GET", "/status"), 404, "server.route"),
    (request("GET", "/values/91"), 404, "server.route"),
    (request("POST", "/call", b"{}"), 404, "server.route"),
    (request("GET", "/metrics"), 404, "server.route"),
    (request("GET", "/%ff%fe"), 404, "server.route"),
    (request("GET", f"{TRANSACTIONS}/zz?valid_until=1"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 63}?valid_until=1"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'A' * 64}?valid_until=1"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}?valid_until=-1"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}?valid_until=01"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}?valid_until=1&valid_until=2"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}?valid_until=99999999999999999999"), 400, "server.parameter"),
    (request("GET", f"{TRANSACTIONS}/{'0' * 64}?valid_until=%D9%A1"), 400, "server.parameter"),
    (request("POST", TRANSACTIONS), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS, b"\x00"), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS, b"\x00\x00\x00\x00"), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS, b"\xff\xff\xff\xffabc"), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS, b"\x00\x00\x00\x02a"), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS, b"\x00\x00\x00\x01a" * 2001), 400, "submission.malformed"),
    (request("POST", TRANSACTIONS + "?x=", b"\x00\x00\x00\x01a"), 400, "server.parameter"),
    (request("GET", f"{PREFIX}/checkpoint/0", headers={HEADER: "key=00"}), 401, "request.unsigned"),
    (request("GET", f"{PREFIX}/checkpoint/0", headers={HEADER: "x" * 4000}), 401, "request.unsigned"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "server.http"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "server.http"),
    (b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400, "server.http"),
    (b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n\r\n", 400, "server.http"),
]


@pytest.mark.parametrize(("sent", "status", "code"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_not_in_form_is_refused_in_both_languages(served: Served, sent: bytes, status: int, code: str) -> None:
    answer = raw(served.members, sent)
    assert (answer.status, answer.code) == (status, code)
    assert b"Traceback" not in answer.body
    if b"\r\nhost: node" in sent:
        chinese = raw(
            served.members, sent.replace(b"\r\nhost: node", b"\r\nhost: node\r\naccept-language: zh-CN,en", 1)
        )
        assert any("\u4e00" <= letter <= "\u9fff" for letter in json.loads(chinese.body)["title"])
    assert served.client().head().chain == served.said["chain"]


MALFORMED_SIGNED = [
    ("GET", f"{PREFIX}/checkpoint/x", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/checkpoint/00", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/checkpoint/9223372036854775808", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/checkpoint/0?height=1", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/value/{'91' * 501}", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/value/9", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/value/91%00", b"", 400, "server.parameter"),
    ("GET", f"{PREFIX}/value/91?height=", b"", 400, "server.parameter"),
    ("POST", f"{PREFIX}/cosign", b"", 400, "checkpoint.invalid"),
    ("POST", f"{PREFIX}/cosign", b"\xff" * 100, 400, "checkpoint.invalid"),
    ("POST", f"{PREFIX}/cosign", b"xinglin/c\n\n", 400, "checkpoint.invalid"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), MALFORMED_SIGNED)
def test_members_too_must_ask_in_form(
    served: Served, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    answer = raw(served.members, request(method, path, body, signed_headers(served, method, path, body)))
    assert (answer.status, answer.code) == (status, code)


CALL = b'"contract":"registry","method":"end_account"'
LOCAL_MALFORMED = [
    ("POST", "/call", b"", "server.parameter"),
    ("POST", "/call", b"[", "server.parameter"),
    ("POST", "/call", b"{}", "server.parameter"),
    ("POST", "/call", b"{" + CALL + b',"arguments":"zz","key":"service"}', "server.parameter"),
    ("POST", "/call", b"{" + CALL + b',"arguments":"","key":"cosigning"}', "server.parameter"),
    ("POST", "/call", b"{" + CALL + b',"arguments":"","key":"service","x":1}', "server.parameter"),
    ("POST", "/call", b'{"contract":"A","method":"end_account","arguments":"","key":"service"}', "server.parameter"),
    ("POST", "/call", b"\xff", "server.parameter"),
    ("GET", "/keys", b"", "server.parameter"),
    ("GET", "/keys?prefix=zz", b"", "server.parameter"),
    ("GET", "/values/zz", b"", "server.parameter"),
    ("GET", "/status?x=1", b"", "server.parameter"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "code"), LOCAL_MALFORMED)
def test_the_local_socket_too_refuses_what_is_not_in_form(
    served: Served, method: str, path: str, body: bytes, code: str
) -> None:
    answer = _local(served, path, method, body)
    assert (answer.status, answer.code) == (400, code)


def _local(served: Served, path: str, method: str = "GET", body: bytes = b"") -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(served.said["local"]))
        connection.sendall(request(method, path, body))
        return hear(connection)


def test_garbage_in_the_place_of_a_transaction_is_refused_by_itself(served: Served) -> None:
    good = signed_by(served, add_node(served))
    answer = raw(served.members, request("POST", TRANSACTIONS, frame([b"\x00", good, good[:-1]])))
    outcomes = json.loads(answer.body)["outcomes"]
    assert [one["status"] for one in outcomes] == ["refused", "committed", "refused"]
    assert outcomes[0]["code"] == TransactionMalformed.code


# --- the user of the node ---


@pytest.mark.requirement("S6.3b", command="xinglin serve", part="one node")
def test_commands_go_through_the_running_node(
    served: Served, place: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XINGLIN_PASSPHRASE_FILE", raising=False)
    members = xinglin("member", "list", "--home", served.home, "--json").json["members"]
    assert [one["member"] for one in members] == [served.said["member"]]
    shown = xinglin("member", "show", "--home", served.home, members[0]["member"], "--json").json
    assert len(shown["accounts"]) == 5
    assert len(xinglin("member", "epochs", "--home", served.home, "--json").json["epochs"]) == 1
    listed = xinglin("account", "list", "--home", served.home, "--json").json["accounts"]
    assert {one["account"] for one in listed} == {one["account"] for one in shown["accounts"]}
    assert xinglin("account", "show", "--home", served.home, place[1][1], "--json").json["keys"]
    chains = xinglin("ledger", "show", "--home", served.home, "--json").json["chains"]
    assert [one["profile"] for one in chains] == ["consortium", "private"]
    locked = xinglin("ledger", "verify", "--home", served.home, "--passphrase-file", served.home.parent / "passphrase")
    assert locked.status in (0, 7, 8)
    refused = xinglin("record", "list", "--home", served.home, "--passphrase-file", served.home.parent / "passphrase")
    assert (refused.status, refused.code) == (8, "node.served")
    assert str(served.process.pid) in refused.err


def test_the_local_socket_signs_with_the_homes_keys_and_is_for_its_owner_alone(
    served: Served, place: tuple[Path, list[str]]
) -> None:
    assert Path(str(served.said["local"])).stat().st_mode & 0o777 == 0o600
    home = ServedHome(served.home)
    home.call("registry", "end_account", EndAccount(place[1][2]), ADMINISTRATOR)
    with pytest.raises(PlatformError) as again:
        home.call("registry", "end_account", EndAccount(place[1][2]), ADMINISTRATOR)
    assert again.value.code.startswith("registry.")


def test_figures_and_health_are_on_a_listener_of_their_own(served: Served) -> None:
    metrics = f"http://{served.said['metrics']}"
    figures = raw(metrics, request("GET", "/metrics"))
    assert figures.status == 200
    assert b'xinglin_height{profile="consortium"}' in figures.body
    assert b"xinglin_transactions_total" in figures.body
    assert b'xinglin_store_bytes{profile="private"}' in figures.body
    assert b"xinglin_storage_alarm 0.0" in figures.body
    assert raw(metrics, request("GET", "/health")).status == 200
    assert raw(metrics, request("GET", "/ready")).status == 200
    assert raw(metrics, request("GET", HEAD)).status == 404


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_node_in_order_and_nothing_secret_was_said(tmp_path: Path, by: signal.Signals) -> None:
    home, _ = home_to_serve(tmp_path)
    served = start(home)
    committed = served.client().call([add_node(served)], [served.signer(ADMINISTRATOR)])
    status, out, err = served.stop(by)
    assert (status, err) == (0, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopping", "stopped"]
    assert PASSPHRASE.decode() not in out + json.dumps(served.said)
    assert not (home / "node.sock").exists()
    with opened(home) as node:
        assert node.consortium.tip.height >= committed.height


def test_a_killed_node_is_served_again_with_all_that_was_committed(tmp_path: Path) -> None:
    home, _ = home_to_serve(tmp_path)
    served = start(home)
    raws = [signed_by(served, add_node(served)) for _ in range(20)]
    outcomes = served.client().submit_many(raws)
    served.process.kill()
    served.process.communicate()
    assert (home / "node.sock").exists()
    with serving(home) as again:
        assert again.client().submit_many(raws) == outcomes


def test_a_node_that_can_not_listen_says_so_and_ends(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home, _ = home_to_serve(tmp_path, listen=f"127.0.0.1:{taken.getsockname()[1]}")
        refused = xinglin("serve", home, "--passphrase-file", home.parent / "passphrase", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (8, "server.listen")


def test_a_wrong_chain_and_no_node_are_told_apart(served: Served) -> None:
    with pytest.raises(NodesAway):
        served.client("http://127.0.0.1:1", patience=Patience(0.5, 0.5)).head()
    other = served.client()
    other.chain = "c" + "a" * 26
    with pytest.raises(NodeElsewhere):
        other.head()


def test_the_clock_of_a_node_is_told(served: Served) -> None:
    before = SystemClock().now_ms()
    told = served.client().head().now
    assert before <= told <= SystemClock().now_ms()
