"""An applicant's own machine: a home with keys, the join request, and after admission the chain (MB8).

Nothing of the home is registered before the home is whole; a join that was cut short goes on when it is asked for
again, with the very same transaction.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from xinglin.carrier.access.registry.model import NAMESPACE, AddNode, Address, PeerId, SetPeer, SetValidator
from xinglin.carrier.consensus.comet.files import EngineHome, identity, make_keys
from xinglin.carrier.consensus.comet.opening import read_opening
from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.crypto.keystore import KeyStore, Stretching, open_keystore
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.cosign import NoteStore
from xinglin.carrier.ledger.model import Genesis, Operation
from xinglin.kernel.encoding import ChainId, ChainObject, decode, encode, state_key
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.node.chains import SystemClock, random_bytes, rules_of
from xinglin.node.consortium.network_setup import Place, engine_genesis, join_network, validator_of
from xinglin.node.founding import ADMINISTRATOR, COSIGNING, SEALING, Organisation
from xinglin.node.home import Home
from xinglin.node.membership.errors import ApplicationInvalid, JoinedAlready, JoinKitInvalid, NotAnApplicant
from xinglin.node.membership.request import (
    Document,
    JoinRequest,
    Reviewed,
    ValidatorOffer,
    read_request,
    request_message,
    write_request,
)
from xinglin.node.node import Node
from xinglin.node.office.directory import Directory, RegistryValues
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assured
from xinglin.node.remote.kept import submit_kept
from xinglin.node.setup import NewHome, make_home
from xinglin.settings import MAX_NAMED_PEERS
from xinglin.stakeholders.kinds import MemberKind, Role, Status

REQUEST_NAME = "join-request"
"""The applicant's own request, in its home."""
_REGISTRATION = "registration"
MAX_KIT_BYTES = 64 << 20
_LOOK_SECONDS = 0.2
_Transaction = Annotated[bytes, msgspec.Meta(min_length=1, max_length=16 << 20)]


class KitPeer(ChainObject, frozen=True):
    """A peer of the chain as the registry had it when the kit was made."""

    peer: PeerId
    address: Address


class JoinKit(ChainObject, frozen=True, kw_only=True):
    """What a new member begins with: the genesis, the founding transactions, peers, a checkpoint (empty for none)."""

    kind: Literal["join-kit"] = "join-kit"
    version: Literal[1] = 1
    genesis: Genesis
    transactions: tuple[_Transaction, ...]
    peers: tuple[KitPeer, ...]
    checkpoint: Annotated[bytes, msgspec.Meta(max_length=1 << 20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """What an applicant says of itself; ``address`` is where its engine will be reached, ``host:port``."""

    name: str
    kind: MemberKind
    chain: str
    address: str
    contact: str
    votes: bool = True
    cosigns: bool = True
    validates: bool = True
    documents: Sequence[tuple[str, bytes]] = ()


def apply(folder: Path, asked: Applying, passphrase: bytes, stretching: Stretching | None = None) -> Reviewed:
    """Make an applicant's home, with keys and no chain, and its join request in it.

    Args:
        folder: where the home is made; nothing is there yet.
        asked: what the applicant says.
        passphrase: of its key store.
        stretching: what trying the passphrase costs.

    Raises:
        ApplicationInvalid: the chain's id or the address is not in form.
        HomeExists, PassphraseTooShort: see ``make_home``.
        JoinRequestInvalid, EncodingInvalid: the request would not be taken.
    """
    for what, value, form in (("chain", asked.chain, ChainId), ("address", asked.address, Address)):
        try:
            msgspec.convert(value, form)
        except msgspec.ValidationError:
            raise ApplicationInvalid(what=what, value=repr(value)) from None
    more = () if stretching is None else (stretching,)
    new = make_home(folder, asked.name, asked.kind, passphrase, random_bytes, *more)
    who = msgspec.structs.replace(new.founder(asked.chain), votes=int(asked.votes), cosigns=int(asked.cosigns))
    engine = EngineHome(folder.resolve() / "engine" / asked.chain)
    chosen = new.keys.suite
    offered = asked.votes and asked.validates
    validator = ValidatorOffer(*validator_of(chosen, asked.chain, who.member, engine))
    request = JoinRequest(
        chain=asked.chain,
        founder=who,
        node=new.organisation.node,
        sealing_key=new.keys.public(SEALING),
        peer=make_keys(engine).peer,
        address=asked.address,
        validator=(validator,) if offered else (),
        contact=asked.contact.encode(),
        evidence=tuple(Document(name.encode(), chosen.hash(data)) for name, data in asked.documents),
        made=SystemClock().now_ms(),
    )
    data = write_request(request, new.keys.sign(COSIGNING, request_message(chosen, request)))
    write_durably(folder / REQUEST_NAME, data)
    return read_request(data)


def own_request(home: Path) -> tuple[bytes, Reviewed]:
    """Return the file of the request that a home has made, and what it says; raises NotAnApplicant."""
    try:
        data = (home / REQUEST_NAME).read_bytes()
    except OSError:
        raise NotAnApplicant(home=str(home)) from None
    return data, read_request(data)


def make_kit(home: Home, genesis: Genesis, values: RegistryValues) -> bytes:
    """Return the join kit of a home's consortium chain on CometBFT.

    Args:
        home: the home; its node may run.
        genesis: of the chain.
        values: its state, for the peers.

    Raises:
        EngineFileDamaged: the home has no engine, or its files are not whole.
    """
    chain = rules_of(genesis).chain
    notes = NoteStore(home.chain(chain))
    heights = notes.heights()
    note = notes.load(heights[-1]) if heights else None
    peers = [KitPeer(peer, one.address) for peer, one in Directory(values).peers() if one.status is Status.ACTIVE]
    kit = JoinKit(
        genesis=genesis,
        transactions=read_opening(EngineHome(home.engine(chain).resolve())).transactions,
        peers=tuple(peers),
        checkpoint=b"" if note is None else note.encode(),
    )
    return encode(kit)


def read_kit(data: bytes, chain: str) -> tuple[JoinKit, ChainRules]:
    """Read a join kit and check that it begins the chain.

    Raises:
        JoinKitInvalid: it is too long, out of form, of another chain, or its transactions do not begin it.
    """
    if len(data) > MAX_KIT_BYTES:
        raise JoinKitInvalid(reason=f"it is longer than {MAX_KIT_BYTES} bytes")
    try:
        kit = decode(JoinKit, data)
        rules = rules_of(kit.genesis)
        if rules.chain == chain:
            engine_genesis(rules, kit.transactions)
    except Invalid as refusal:
        raise JoinKitInvalid(reason=refusal.code) from None
    if rules.chain != chain:
        raise JoinKitInvalid(reason=f"it is of chain {rules.chain}, not of {chain}")
    return kit, rules


def prepare(folder: Path, kit: bytes, place: Place, passphrase: bytes, members: Sequence[str] = ()) -> NewHome:
    """Give an applicant's home the chain, if it has not got it yet; registers nothing.

    Args:
        folder: the home that ``apply`` made.
        kit: a member's join kit.
        place: where its node and engine listen.
        passphrase: of the home.
        members: where other members' nodes listen, as in the settings.

    Raises:
        NotAnApplicant, JoinKitInvalid, PassphraseWrong: see there.
    """
    _, reviewed = own_request(folder)
    read, _ = read_kit(kit, reviewed.request.chain)
    new = _applicant(Home(folder), open_keystore(Home(folder).keys, passphrase), reviewed.request)
    if not new.home.config.exists():
        _clear(new.home)
        # The founders' engines may have other ids by now, and the chain is at height 0 here (RC9).
        peers = tuple(f"{one.peer.hex()}@{one.address}" for one in read.peers[:MAX_NAMED_PEERS])
        join_network(new, read.genesis, read.transactions, replace(place, peers=peers), random_bytes, members)
    return new


def register(new: NewHome, remote: RemoteChain) -> Assured:
    """Register node, peer and, where it was asked for, validator of a home that is ready; return where that went.

    The signed transaction is kept in the home before it goes out, so that another try hands in the same.

    Raises:
        JoinedAlready: it was done before.
        SubmissionUnknown: no quorum stands behind it yet; another try proves it.
        PlatformError: the refusal, such as of an applicant that is not admitted yet; see ``RemoteChain``.
    """
    done, kept = new.home.registered, new.home.path / _REGISTRATION
    if done.exists():
        raise JoinedAlready(home=str(new.home.path), chain=remote.chain)
    committed = submit_kept(remote, kept, lambda: remote.build(_calls(new), [_administrator(new)]))
    write_durably(done, str(committed.height).encode())
    return committed


def _administrator(new: NewHome) -> Signer:
    return Signer(new.keys.public(ADMINISTRATOR), lambda message: new.keys.sign(ADMINISTRATOR, message))


def _calls(new: NewHome) -> list[Operation]:
    request = own_request(new.home.path)[1].request
    engine = EngineHome(new.home.engine(request.chain).resolve())
    calls: list[tuple[str, AddNode | SetPeer | SetValidator]] = [
        ("add_node", AddNode(request.node, new.keys.public(SEALING))),
        ("set_peer", SetPeer(request.node, identity(engine).peer, request.address)),
    ]
    if request.validator:
        offered = validator_of(new.keys.suite, request.chain, request.founder.member, engine)
        calls.append(("set_validator", SetValidator(request.node, *offered)))
    return [operation(new.keys.suite, NAMESPACE, name, call) for name, call in calls]


def await_registration(node: Node, failure: Callable[[], PlatformError | None]) -> None:
    """Wait until a home that has joined has executed the block by which its node came onto the chain.

    Before that the chain that it has does not know its member. A founder's home never waits.

    Raises:
        PlatformError: what ``failure`` gives: no further block will come.
    """
    key = state_key(NAMESPACE, "node", node.settings.node)
    while node.home.registered.exists() and node.consortium.value(key) is None:
        failed = failure()
        if failed is not None:
            raise failed
        time.sleep(_LOOK_SECONDS)


def names_private_chain(node: Node) -> bool:
    """Tell whether a home that has joined may name its private chain on the consortium chain now (AN1).

    That needs its cosigning key, which is in force from its epoch's height on.
    """
    if not node.home.registered.exists():
        return False
    key = node.private_ledger().rules.genesis.founders[0].key
    return any(one.key == key for one in Directory(node.consortium).epoch().members)


def _applicant(home: Home, keys: KeyStore, request: JoinRequest) -> NewHome:
    """Return the home that made a request as it was then."""
    founder = request.founder
    by_role = {role: account for account in founder.accounts for role in account.roles}
    administrator, service = by_role[Role.SUPER_ADMINISTRATOR], by_role[Role.SERVICE]
    who = Organisation(
        member=founder.member,
        node=request.node,
        administrator=administrator.account,
        service=service.account,
        kind=founder.kind,
        name=founder.name.decode(),
        votes=bool(founder.votes),
        cosigns=bool(founder.cosigns),
    )
    return NewHome(home, keys, who, (administrator.person, service.person))


def _clear(home: Home) -> None:
    """Take away what a join that was cut short left: without ``config.toml`` no record was ever in it."""
    for folder in (home.path / "chain", home.vault, home.keyring, home.patient_index, home.protection):
        if folder.exists():
            shutil.rmtree(folder)
