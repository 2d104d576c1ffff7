"""Audiences and their transmission keys: who has the newest, and the next one (docs/spec/contracts.md AU1 to AU5; H5).

The key itself is kept nowhere but in the sealed copies on the chain; a node opens its own when it needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import operation
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.kernel.errors import NotFound
from xinglin.node.chains import random_bytes
from xinglin.node.membership.voting import Acting
from xinglin.node.office.directory import Directory, RegistryValues
from xinglin.service.basic.coordination.errors import AudienceNodeUnknown
from xinglin.service.basic.coordination.locators import audience_key_commitment
from xinglin.service.basic.coordination.model import (
    AudienceEpochState,
    AudienceState,
    IssueEpochKey,
    SealedKey,
)
from xinglin.stakeholders.kinds import Status

NAMESPACE = "audience"


class AudienceUnknown(NotFound):
    """The chain has no such audience."""

    code, number, clause = "audience.unknown", 6361, "H5"
    en = "There is no audience {audience} on this chain."
    zh = "本链没有受众 {audience}。"
    hint_en = "See 'xinglin audience show'."
    hint_zh = "参见 xinglin audience show。"


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience: its steward, the number of its newest epoch, the nodes that have that key."""

    name: str
    steward: str
    number: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """An epoch that was issued: its number, the nodes that have its key, those of the epoch before that do not."""

    number: int
    nodes: tuple[str, ...]
    left: tuple[str, ...]


def audiences(values: RegistryValues) -> Iterator[Audience]:
    """Yield the audiences of a chain, by name."""
    for key in values.keys(b"\x93" + pack(NAMESPACE) + pack("audience")):
        yield audience(values, decode(tuple[str, str, str], key)[2])


def audience(values: RegistryValues, name: str) -> Audience:
    """Return an audience of a chain.

    Raises:
        AudienceUnknown: there is none of that name.
    """
    known = values.value(state_key(NAMESPACE, "audience", name))
    if known is None:
        raise AudienceUnknown(audience=name)
    state = decode(AudienceState, known)
    stored = values.value(state_key(NAMESPACE, "epoch", name, state.number))
    keys = () if stored is None else decode(AudienceEpochState, stored).keys
    return Audience(name, state.steward, state.number, tuple(one.node for one in keys))


def eligible_nodes(values: RegistryValues) -> dict[str, tuple[str, bytes]]:
    """Return member and sealing key of every node to which a key may be sealed, by its id (AU3)."""
    directory = Directory(values)
    active = {member for member, state in directory.members() if state.status is Status.ACTIVE}
    found = ((node, state) for node, state in directory.nodes() if state.status is Status.ACTIVE)
    return {node: (state.member, state.sealing_key) for node, state in found if state.member in active}


def issue_next(acting: Acting, name: str, add: Sequence[str] = (), without: Sequence[str] = ()) -> Issued:
    """Make the next key of an audience, for the nodes that have the newest and are still active; put it on the chain.

    Args:
        acting: the steward, or who may issue in its place (AU1, AU5).
        name: of the audience.
        add: ids of nodes that get it too.
        without: ids of nodes that don't.

    Raises:
        AudienceUnknown: there is no such audience.
        AudienceNodeUnknown: a node that is to be added is not active, or its member is not.
        PlatformError: the chain's refusal, such as of a member that may not issue.
    """
    before, eligible = audience(acting.values, name), eligible_nodes(acting.values)
    for node in add:
        if node not in eligible:
            raise AudienceNodeUnknown(node=node)
    wanted = ({*before.nodes, *add} & eligible.keys()) - set(without)
    call = epoch_call(acting.suite, name, before.number + 1, {node: eligible[node][1] for node in wanted})
    acting.call([operation(acting.suite, NAMESPACE, "epoch", call)])
    return Issued(call.number, tuple(sorted(wanted)), tuple(sorted(set(before.nodes) - wanted)))


def epoch_call(chosen: Suite, name: str, number: int, sealing: Mapping[str, bytes]) -> IssueEpochKey:
    """Return the call that issues an epoch with a new key.

    Args:
        chosen: the chain's suite.
        name: of the audience.
        number: of the epoch.
        sealing: the sealing key of each node that gets it.
    """
    key = random_bytes(chosen.key_size)
    return IssueEpochKey(
        audience=name,
        number=number,
        commitment=audience_key_commitment(chosen.hash, name, number, key),
        keys=tuple(SealedKey(node, chosen.encrypt(sealing[node], key)) for node in sorted(sealing)),
    )
