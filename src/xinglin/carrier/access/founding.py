"""The state of height 0: founders, their accounts and keys, epoch 0 (docs/spec/contracts.md FS1 to FS3; D5.1).

Pure. Signatures and epoch rules of the genesis (G1 to G4) are checked by ``ledger/genesis.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from xinglin.carrier.access.governance import model as governance
from xinglin.carrier.access.registry import model as registry
from xinglin.carrier.access.registry.rules import roles_in_form, with_key
from xinglin.carrier.ledger.errors import GenesisInvalid
from xinglin.carrier.ledger.genesis import epoch_zero
from xinglin.carrier.ledger.model import Founder, Genesis
from xinglin.kernel.encoding import ChainObject, encode, state_key
from xinglin.stakeholders.kinds import Role, Status


def founding(chain: str, genesis: Genesis) -> dict[bytes, bytes]:
    """Return keys and values of the system contracts at height 0.

    Args:
        chain: the chain's id, made from ``genesis``.
        genesis: checked by ``check_genesis``.

    Raises:
        GenesisInvalid: an account's roles are empty, not ascending or not distinct.
    """
    entries: dict[bytes, bytes] = {}
    for founder in genesis.founders:
        for parts, value in _member(founder, genesis.time):
            entries[state_key(registry.NAMESPACE, *parts)] = encode(value)
    epoch = governance.EpochState(epoch=epoch_zero(chain, genesis), votes=())
    entries[state_key(governance.NAMESPACE, "epoch", 0)] = encode(epoch)
    entries[state_key(governance.NAMESPACE, "latest")] = encode(governance.LatestEpoch(number=0))
    return entries


def _member(founder: Founder, time: int) -> Iterator[tuple[tuple[str | bytes, ...], ChainObject]]:
    supers: tuple[registry.SuperAdministrator, ...] = ()
    yield (
        ("member", founder.member),
        registry.MemberState(member_kind=founder.kind, name=founder.name, status=Status.ACTIVE, from_height=0),
    )
    for account in founder.accounts:
        if not roles_in_form(account.roles):
            raise GenesisInvalid(rule="roles of an account are not one or more in ascending order")
        yield (
            ("account", account.account),
            registry.AccountState(
                member=founder.member, roles=account.roles, person=account.person, status=Status.ACTIVE
            ),
        )
        yield (
            ("key", account.key),
            registry.KeyState(account=account.account, member=founder.member, from_ms=time, until=(), compromised=()),
        )
        if Role.SUPER_ADMINISTRATOR in account.roles:
            supers = with_key(supers, account.account, 1)
    if supers:
        yield ("super", founder.member), registry.SuperAdministrators(accounts=supers)
