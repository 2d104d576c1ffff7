"""What the owner of a node lets it contribute, and that it contributes no more (S6.1e): relay, submissions, storage."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, xinglin
from tests.support.served import home_to_serve, new_identifier, raw, request, serving
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.consensus.comet.rpc import EngineRpc
from xinglin.carrier.consensus.errors import ChainStands, ClockBehind
from xinglin.carrier.ledger.build import operation
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import found_network, local_places
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.node import Node, open_node
from xinglin.node.remote.claims import Patience
from xinglin.node.remote.forms import PREFIX, frame
from xinglin.node.setup import make_home
from xinglin.server.errors import SubmissionsClosed
from xinglin.settings import load_settings
from xinglin.stakeholders.kinds import MemberKind

RATE = 5_000
"""Bytes a second: little, so that also a slow machine has more to send."""
AT_ONCE = 20_000
"""CometBFT looks at its limit before each ten packets, and lets what it did not send be sent later."""


@pytest.mark.requirement("S6.1e", part="submissions of others; relay below, requests in test_serve_limits")
def test_a_node_that_takes_no_submissions_of_others_still_serves_its_own_user(tmp_path: Path) -> None:
    home, _ = home_to_serve(tmp_path, submissions=False, source_requests=1_000.0)
    with serving(home) as served:
        signer = served.signer(ADMINISTRATOR)
        call = operation(
            served.keys.suite, "registry", "add_node", AddNode(new_identifier(), served.keys.public(SEALING))
        )
        built = served.client().build([call], [signer])
        answer = raw(served.members, request("POST", f"{PREFIX}/transactions", frame([built.raw])))
        assert (answer.status, answer.code) == (403, SubmissionsClosed.code)
        # Nothing was handed in: a client that knows no other node is told so, one that does goes there.
        with pytest.raises(SubmissionsClosed):
            served.client(patience=Patience(seconds=10)).submit(built.raw)
        committed = served.client(served.members, served.local).submit(built.raw)
        assert committed.code == 0
        assert served.client().head().height >= committed.height


def _load(node: Node) -> int:
    """Let a member register nodes; return how many were committed."""
    client, signer = node.client(), node.signer(ADMINISTRATOR)
    calls = [AddNode(new_identifier(), node.keys.public(SEALING)) for _ in range(50)]
    raws = [client.build([operation(client.suite, "registry", "add_node", call)], [signer]).raw for call in calls]
    with suppress(ClockBehind, ChainStands):  # blocks may be long on their way through what is limited
        return len([one for one in client.submit_many(raws).result(PATIENCE) if getattr(one, "code", 1) == 0])
    time.sleep(0.5)
    return 0


def _sent(node: Node) -> dict[bytes, int]:
    with EngineRpc(node.settings.engine.rpc_listen) as rpc:
        return {link.peer: link.sent for link in rpc.links()}


def _most(node: Node, before: dict[bytes, int]) -> int:
    """Return what a node's engine has sent since over the connection that sent most."""
    return max(sent - before.get(peer, 0) for peer, sent in _sent(node).items())


@needs_engine
@pytest.mark.requirement("S6.1e", part="relay between engines; other limits above and in test_serve_limits")
def test_a_connection_sends_no_more_than_the_owner_lets_it(tmp_path: Path) -> None:
    kinds = (MemberKind.TECHNOLOGY_PROVIDER, MemberKind.DATA_USER, MemberKind.DATA_USER, MemberKind.REGULATOR)
    homes = [
        make_home(tmp_path / str(number), f"Member {number}", kind, PASSPHRASE, random_bytes, CHEAP)
        for number, kind in enumerate(kinds)
    ]
    found_network(homes, local_places(len(homes), free_ports(3 * len(homes))), random_bytes)
    config = tmp_path / "3" / "config.toml"
    config.write_text(config.read_text().replace("[engine]\n", f"[engine]\nrate_bytes = {RATE}\n"))
    nodes = [open_node(tmp_path / str(number), PASSPHRASE) for number in range(4)]
    network = Network(nodes)
    try:
        before, began = (_sent(nodes[3]), _sent(nodes[0])), time.monotonic()
        committed = most = others = 0
        may = 1.0
        # Until others have sent more than the limited one may: only then is it the limit that holds it.
        while committed <= 100 or others <= 1.5 * may:
            committed += _load(nodes[0])
            most, others = _most(nodes[3], before[0]), _most(nodes[0], before[1])
            may = RATE * (time.monotonic() - began) * 1.1 + AT_ONCE
        assert 0 < most <= 1.2 * may  # the engine counts by slices of time, and may be a burst ahead
    finally:
        network.close()


def test_the_variable_that_names_the_engines_binary_is_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(
        f'member = "{"a" * 26}"\nnode = "{"a" * 26}"\n[consortium]\nid = "c{"a" * 26}"\n'
    )
    monkeypatch.setenv("XINGLIN_ENGINE", "/opt/cometbft")
    monkeypatch.setenv("XINGLIN_ENGINE__RATE_BYTES", "20000")
    assert load_settings(tmp_path).engine.rate_bytes == 20_000


@pytest.mark.parametrize(
    ("setting", "value"), [("ENGINE__RATE_BYTES", "10"), ("STORAGE__MAP_GIB", "0"), ("LISTENER__REQUESTS", "0")]
)
def test_a_limit_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    (tmp_path / "config.toml").write_text(
        f'member = "{"a" * 26}"\nnode = "{"a" * 26}"\n[consortium]\nid = "c{"a" * 26}"\n'
    )
    monkeypatch.setenv(f"XINGLIN_{setting}", value)
    assert xinglin("member", "contributions", "--home", tmp_path, "--json").json["error"]["code"] == "settings.invalid"
