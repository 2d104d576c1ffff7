"""``member validate`` that ends before its outcome is known: no key is lost, none is made twice (S6.1e, MB25).

Four homes of one consortium answer over real HTTP; a client asks them, or what loses their answers, or nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lying import lying
from tests.support.neighbourhood import House, Neighbourhood, neighbourhood
from tests.support.ports import free_ports
from tests.support.waiting import until
from xinglin.carrier.access.registry.errors import ValidatorKeyExists
from xinglin.carrier.access.registry.model import NAMESPACE, EndValidator, ValidatorState
from xinglin.carrier.consensus.comet.files import EngineHome, identity, make_keys
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.errors import OverQuota
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.validator_key import ValidatorKeyKeeper, take_registered_key
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.membership import validating
from xinglin.node.membership.validating import begin_validating
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Assured, Patience
from xinglin.node.remote.errors import SubmissionUnknown
from xinglin.node.remote.trusting import ChainNamed
from xinglin.stakeholders.kinds import Status

HOME, ASKED = "hospital", "platform"
PATIENT = Patience(seconds=200.0, request_seconds=100.0, quorum_seconds=0.5)
LOST = Patience(seconds=3.0, request_seconds=3.0, quorum_seconds=0.5)
"""Where no answer comes."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    with neighbourhood(tmp_path_factory.mktemp("validating")) as made:
        make_keys(engine_of(made[ASKED]))
        other = made[ASKED].node
        begin_validating(other.home.path, other.keys, client(made))  # else the last validator could not end
        yield made


@pytest.fixture
def house(place: Neighbourhood) -> Iterator[House]:
    """Return the home that validates, with an engine of its own and no key on its way."""
    house = place[HOME]
    make_keys(engine_of(house))
    yield house
    answer_truly(place)
    begin_validating(house.node.home.path, house.node.keys, client(place))


def engine_of(house: House) -> EngineHome:
    return EngineHome(house.node.home.engine(house.node.consortium.rules.chain).resolve())


def client(place: Neighbourhood, address: str = "", patience: Patience = PATIENT) -> RemoteChain:
    """Return a client that believes the node that it asks: how that is proven is tested elsewhere."""
    rules = place[HOME].node.consortium.rules
    named = ChainNamed(rules.chain, rules.suite)
    asked = [address or place[ASKED].address]
    return RemoteChain(asked, named, SystemClock(), random_bytes, patience, Assurance.TOLD)


def begin(place: Neighbourhood, address: str = "", patience: Patience = PATIENT) -> bytes:
    house = place[HOME]
    return begin_validating(house.node.home.path, house.node.keys, client(place, address, patience))


def on_chain(place: Neighbourhood) -> ValidatorState | None:
    node = place[HOME].node
    stored = node.consortium.value(state_key(NAMESPACE, "validator", node.member))
    return None if stored is None else decode(ValidatorState, stored)


def taken(place: Neighbourhood, before: bytes) -> ValidatorState:
    """Return what the chain has once it has another key: its block may come after patience was over."""

    def other() -> bool:
        state = on_chain(place)
        return state is not None and state.key != before

    until(other)
    state = on_chain(place)
    assert state is not None
    return state


def lose_answers(place: Neighbourhood) -> None:
    """Let the node take what it is handed, and never say what became of it."""

    def lie(method: str, path: str, body: bytes, truth: Any) -> Any:
        if path.endswith("/transactions"):
            return {"outcomes": [{"status": "unknown"}]}
        return {} if "/transactions/" in path else None

    place[ASKED].deaf()
    place[ASKED].between = lying(lie)
    place[ASKED].listen()


def answer_truly(place: Neighbourhood) -> None:
    place[ASKED].deaf()
    place[ASKED].between = lambda app: app
    place[ASKED].listen()


def end_validator(house: House) -> None:
    node = house.node
    call = operation(node.consortium.rules.suite, NAMESPACE, "end_validator", EndValidator())
    node.client().call([call], [node.signer(ADMINISTRATOR)])


@pytest.mark.requirement("S6.1e", part="begins to make blocks again, whatever the command learns of it")
def test_a_key_whose_registration_stayed_open_is_found_again(place: Neighbourhood, house: House) -> None:
    engine, before = engine_of(house), identity(engine_of(house)).validator_key
    lose_answers(place)
    with pytest.raises(SubmissionUnknown):
        begin(place, patience=LOST)
    registered = taken(place, before)
    assert identity(engine).validator_key == before != registered.key
    for address in ("", f"http://127.0.0.1:{free_ports(1)}"):  # no answer that tells, no node at all
        with pytest.raises(SubmissionUnknown):
            begin(place, address, LOST)
    size = house.node.consortium.tip.log_size
    answer_truly(place)
    assert begin(place) == registered.key == identity(engine).validator_key
    assert house.node.consortium.tip.log_size == size
    assert on_chain(place) == registered
    assert not house.node.home.validator_registration.exists()


def test_a_process_that_dies_before_it_submits_has_kept_key_and_transaction(
    place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RemoteChain, "call_built", die)
        with pytest.raises(KeyboardInterrupt):
            begin(place)
    engine = engine_of(house)
    made, raw = engine.next_validator_key.read_bytes(), house.node.home.validator_registration.read_bytes()
    assert not take_registered_key(house.node, engine)  # it is in no block
    assert engine.next_validator_key.read_bytes() == made
    key = begin(place)
    assert engine.validator_key.read_bytes() == made
    registered = on_chain(place)
    assert registered is not None
    assert registered.key == key
    assert pack(house.node.consortium.entry(house.node.consortium.tip.log_size - 1).transaction) == raw


def test_a_process_that_dies_when_the_key_is_taken_makes_no_other(
    place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    engine_of(house).signing_state.unlink()  # as on a machine that came back from a backup
    with monkeypatch.context() as patch:
        patch.setattr(validating, "_finish", die)
        with pytest.raises(KeyboardInterrupt):
            begin(place)
    engine_of(house).signing_state.unlink()  # it died before that was written
    size = house.node.consortium.tip.log_size
    registered = on_chain(place)
    assert registered is not None
    assert begin(place) == registered.key
    assert house.node.consortium.tip.log_size == size
    assert identity(engine_of(house)).validator_key == registered.key
    assert begin(place) != registered.key  # that one is done: another is asked for


def test_one_node_s_word_takes_no_key(place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(engine_of(house))
    with monkeypatch.context() as patch:
        patch.setattr(RemoteChain, "call_built", lambda *_, **__: Assured(9, 900, 3, 0, bytes(32), Assurance.NODE, 1))
        with pytest.raises(SubmissionUnknown):
            begin(place, patience=LOST)
    assert identity(engine_of(house)) == before
    assert begin(place) != before.validator_key


def test_a_refusal_leaves_the_key_for_the_next_call(
    place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OverQuota(quota=1)

    before = identity(engine_of(house))
    with monkeypatch.context() as patch:
        patch.setattr(RemoteChain, "call_built", refuse)
        with pytest.raises(OverQuota):
            begin(place)
    assert identity(engine_of(house)) == before
    made = engine_of(house).next_validator_key.read_bytes()
    assert not house.node.home.validator_registration.exists()
    begin(place)
    assert engine_of(house).validator_key.read_bytes() == made


def test_a_key_that_a_copy_of_the_home_registered_is_neither_used_nor_lost(place: Neighbourhood, house: House) -> None:
    engine = engine_of(house)
    lose_answers(place)
    with pytest.raises(SubmissionUnknown):
        begin(place, patience=LOST)
    made, before = engine.next_validator_key.read_bytes(), identity(engine)
    taken(place, before.validator_key)
    house.node.home.validator_registration.unlink()
    answer_truly(place)
    with pytest.raises(ValidatorKeyExists):
        begin(place)
    assert identity(engine) == before
    (kept,) = engine.config.parent.glob("used_validator_key-*.json")
    assert kept.read_bytes() == made
    begin(place)


def test_the_node_takes_the_key_when_its_chain_has_it(place: Neighbourhood, house: House) -> None:
    engine, node, restarts = engine_of(house), house.node, []
    before = identity(engine).validator_key
    keeper = ValidatorKeyKeeper(node, engine, lambda: restarts.append(1))
    lose_answers(place)
    with pytest.raises(SubmissionUnknown):
        begin(place, patience=LOST)
    registered = taken(place, before)
    keeper.look()
    keeper.look()
    assert restarts == [1]
    assert identity(engine).validator_key == registered.key
    assert not node.home.validator_registration.exists()


def test_a_key_that_has_ended_meanwhile_is_not_taken(place: Neighbourhood, house: House) -> None:
    engine, before = engine_of(house), identity(engine_of(house))
    lose_answers(place)
    with pytest.raises(SubmissionUnknown):
        begin(place, patience=LOST)
    taken(place, before.validator_key)
    end_validator(house)
    assert not take_registered_key(house.node, engine)
    assert identity(engine) == before
    assert not engine.next_validator_key.exists()
    assert not house.node.home.validator_registration.exists()
    ended = on_chain(place)
    assert ended is not None
    assert ended.status is Status.ENDED
    answer_truly(place)
    assert begin(place) != ended.key
