"""``member validate`` that ends before its outcome is known: no key is lost, none is made twice (S6.1e, MB25).

Four homes of one consortium answer over real HTTP; a client asks them, or what loses their answers, or nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lying import lying
from tests.support.neighbourhood import House, Neighbourhood, neighbourhood
from tests.support.ports import free_ports
from tests.support.product import FRESH
from tests.support.waiting import PATIENCE, until
from xinglin.carrier.access.registry.errors import ValidatorKeyExists
from xinglin.carrier.access.registry.model import NAMESPACE, EndValidator, ValidatorState
from xinglin.carrier.consensus.comet.errors import EngineHomeInUse, NextKeyDiffers
from xinglin.carrier.consensus.comet.files import (
    EngineHome,
    identity,
    make_keys,
    next_validator_key,
    take_next_validator_key,
    waiting_validator_key,
)
from xinglin.carrier.ledger.build import Built, operation
from xinglin.carrier.ledger.errors import OverQuota
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.validator_key import ValidatorKeyKeeper, take_registered_key
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.membership import validating
from xinglin.node.membership.errors import ValidatorRegistering
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
    with neighbourhood(tmp_path_factory.mktemp("validating"), FRESH) as made:
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
    take(place)


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


def take(place: Neighbourhood) -> bool:
    """Let the chain have one block more, and the node take its key if it is to sign the next."""
    node = place[HOME].node
    place.grow(node.consortium.tip.height + 1)
    return take_registered_key(node, engine_of(place[HOME]))


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
    assert begin(place) == begin(place) == registered.key
    assert house.node.consortium.tip.log_size == size
    assert on_chain(place) == registered
    assert take(place)
    assert identity(engine).validator_key == registered.key
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
    registered = on_chain(place)
    assert registered is not None
    assert registered.key == key
    assert pack(house.node.consortium.entry(house.node.consortium.tip.log_size - 1).transaction) == raw
    assert take(place)
    assert engine.validator_key.read_bytes() == made


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
    key = begin(place)
    assert take(place)
    assert identity(engine_of(house)).validator_key == key != before.validator_key


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
    assert take(place)
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
    old = engine.validator_key.read_bytes()
    keeper.look()
    assert identity(engine).validator_key == before  # the block after the registration's is signed with it
    assert not restarts
    place.grow(node.consortium.tip.height + 1)
    keeper.look()
    keeper.look()
    assert restarts == [1]
    assert (engine.config.parent / f"former_validator_key-{before.hex()}.json").read_bytes() == old
    assert identity(engine).validator_key == registered.key
    assert not node.home.validator_registration.exists()


def test_a_key_that_ended_in_the_next_block_signs_the_one_after(place: Neighbourhood, house: House) -> None:
    key = begin(place)
    end_validator(house)
    assert take_registered_key(house.node, engine_of(house))
    assert identity(engine_of(house)).validator_key == key
    begin(place)
    assert take(place)


def test_a_restart_that_fails_is_owed(place: Neighbourhood, house: House) -> None:
    restarts = []

    def restart() -> None:
        restarts.append(1)
        if len(restarts) < 3:
            raise EngineHomeInUse(home="", process=1)

    keeper = ValidatorKeyKeeper(house.node, engine_of(house), restart)
    key = begin(place)
    place.grow(house.node.consortium.tip.height + 1)
    for _ in range(2):
        with pytest.raises(EngineHomeInUse):
            keeper.look()
    assert identity(engine_of(house)).validator_key == key
    keeper.look()
    keeper.look()
    assert len(restarts) == 3


def test_two_at_once_register_one_key(place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first, within bounds; the node takes nothing meanwhile."""
    engine, refusals, waited = engine_of(house), [], []
    submit = RemoteChain.call_built

    def slowly(self: RemoteChain, built: Built, *, again: bool = False) -> Assured:
        done = submit(self, built, again=again)
        place.grow(house.node.consortium.tip.height + 1)
        assert not take_registered_key(house.node, engine)
        if not refusals:
            with pytest.raises(ValidatorRegistering) as refused:
                begin(place)
            refusals.append(refused.value.code)
            patch.setattr(validating, "LOCK_SECONDS", PATIENCE)
            second.start()
        return done

    second = threading.Thread(target=lambda: waited.append(begin(place)))
    with monkeypatch.context() as patch:
        patch.setattr(validating, "LOCK_SECONDS", 0.1)
        patch.setattr(RemoteChain, "call_built", slowly)
        key = begin(place)
        second.join(PATIENCE)
    registered = on_chain(place)
    assert registered is not None
    assert refusals == ["member.registering"]
    assert waited == [key] == [registered.key]
    assert take(place)
    assert identity(engine).validator_key == key


@pytest.mark.parametrize("taken", [True, False])
def test_a_key_that_goes_while_it_is_registered(
    place: Neighbourhood, house: House, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """Taken by a node, all is done; replaced by another, nothing is reported as done, and both stay."""
    engine, before = engine_of(house), identity(engine_of(house))
    submit = RemoteChain.call_built
    made = []

    def meanwhile(self: RemoteChain, built: Built, *, again: bool = False) -> Assured:
        done = submit(self, built, again=again)
        registered = waiting_validator_key(engine)
        assert registered is not None
        made.append(registered)
        if taken:
            take_next_validator_key(engine, registered)
        else:
            engine.next_validator_key.rename(engine.next_validator_key.with_name("elsewhere.json"))
            next_validator_key(engine)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(RemoteChain, "call_built", meanwhile)
        if taken:
            assert [begin(place)] == made == [identity(engine).validator_key]
            assert not house.node.home.validator_registration.exists()
            return
        with pytest.raises(NextKeyDiffers):
            begin(place)
    assert identity(engine) == before
    assert not take(place)
    key = waiting_validator_key(engine)
    assert begin(place) == key != made[0]  # and not the kept transaction in its stead
    registered = on_chain(place)
    assert registered is not None
    assert registered.key == key
    assert take(place)


def test_a_registration_without_its_key_reports_no_other_key_as_done(place: Neighbourhood, house: House) -> None:
    engine = engine_of(house)
    before, lost = identity(engine).validator_key, begin(place)
    engine.next_validator_key.unlink()
    key = begin(place)
    registered = on_chain(place)
    assert registered is not None
    assert key == registered.key
    assert key not in (before, lost)
    assert take(place)


def test_a_key_before_that_signs_nothing_is_not_waited_for(place: Neighbourhood, house: House) -> None:
    engine = engine_of(house)
    engine.validator_key.unlink()
    assert begin(place) == identity(engine).validator_key
    key = begin(place)
    engine.signing_state.unlink()
    assert take_registered_key(house.node, engine)
    assert identity(engine).validator_key == key


def test_a_key_that_has_ended_meanwhile_is_not_taken(place: Neighbourhood, house: House) -> None:
    engine, before = engine_of(house), identity(engine_of(house))
    lose_answers(place)
    with pytest.raises(SubmissionUnknown):
        begin(place, patience=LOST)
    taken(place, before.validator_key)
    end_validator(house)
    assert not take(place)
    assert identity(engine) == before
    assert not engine.next_validator_key.exists()
    assert not house.node.home.validator_registration.exists()
    ended = on_chain(place)
    assert ended is not None
    assert ended.status is Status.ENDED
    answer_truly(place)
    assert begin(place) != ended.key
