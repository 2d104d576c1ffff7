"""Making homes: keys first, then the genesis that founders share, then the chains of each home (design D5.1, D13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.crypto.keystore import (
    DEFAULT_STRETCHING,
    KeyStore,
    KeyUse,
    Stretching,
    check_passphrase,
    create_keystore,
)
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.genesis import chain_id
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Founder, Genesis, Profile
from xinglin.node.chains import Randomness, SystemClock, rules_of, suite_of
from xinglin.node.founding import (
    ADMINISTRATOR,
    COSIGNING,
    INSTITUTION,
    SEALING,
    SERVICE,
    Organisation,
    founder_of,
    make_genesis,
    new_organisation,
    person_commitment,
)
from xinglin.node.home import Home, Setting, new_home
from xinglin.node.records.archive import patient_index
from xinglin.service.basic.intake.preparation import commitment_rule
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.lifecycle.storage.keyring import Keyring
from xinglin.service.lifecycle.storage.vault import Vault
from xinglin.stakeholders.kinds import MemberKind

GROUP, ALONE, COMETBFT = "group", "embedded", "cometbft"
"""Who makes a consortium chain's blocks: homes opened together, one home alone, CometBFT."""


@dataclass(frozen=True, slots=True)
class NewHome:
    """A home that has keys and no chain yet."""

    home: Home
    keys: KeyStore
    organisation: Organisation
    persons: tuple[bytes, bytes]

    def founder(self, scope: str = "genesis") -> Founder:
        """Return this home's member as a founder, or as an applicant to the chain ``scope``."""
        return founder_of(suite("gm"), self.keys, self.organisation, self.persons, scope)


def make_home(
    path: Path,
    name: str,
    kind: MemberKind,
    passphrase: bytes,
    randomness: Randomness,
    stretching: Stretching = DEFAULT_STRETCHING,
) -> NewHome:
    """Make a home with a key store and its member's ids.

    Who is responsible for the two first accounts is committed with a salt that stays in the home's ``accounts`` folder.

    Args:
        path: where; nothing is there yet.
        name: the member's name.
        kind: its kind.
        passphrase: of the key store.
        randomness: where ids and salts come from.
        stretching: what trying a passphrase costs; each opening of the home takes as long.

    Raises:
        HomeExists: there is something at ``path``.
        PassphraseTooShort: the passphrase has fewer than 8 bytes.
    """
    check_passphrase(passphrase)
    home = new_home(path)
    keys = create_keystore(home.keys, suite("gm"), passphrase, stretching)
    for key in (COSIGNING, ADMINISTRATOR, SERVICE):
        keys.generate(key, KeyUse.SIGNING)
    for key in (SEALING, INSTITUTION):
        keys.generate(key, KeyUse.ENCRYPTION)
    organisation = new_organisation(name, kind, randomness)
    statements = (f"administrator of {name}".encode(), f"operator of the node of {name}".encode())
    salts = (randomness(16), randomness(16))
    persons = tuple(
        person_commitment(suite("gm"), salt, statement) for salt, statement in zip(salts, statements, strict=True)
    )
    home.keep_person(organisation.administrator, salts[0], statements[0])
    home.keep_person(organisation.service, salts[1], statements[1])
    return NewHome(home, keys, organisation, (persons[0], persons[1]))


def adopt(
    new: NewHome,
    genesis: Genesis,
    engine: str,
    randomness: Randomness,
    map_bytes: int = 64 << 30,
    more: Mapping[str, Mapping[str, Setting]] | None = None,
) -> str:
    """Give a home its consortium chain, and a medical institution its private chain, vault and keyring.

    Args:
        new: the home.
        genesis: of the consortium chain.
        engine: ``embedded`` when this home keeps it alone, ``group`` when homes of one machine do, ``cometbft``.
        randomness: for the private chain's nonce and the institution's key.
        map_bytes: size of each sparse map.
        more: further settings, by group.

    Returns: the consortium chain's id.
    """
    rules = rules_of(genesis)
    Ledger.create(new.home.path, rules, map_bytes).close()
    private = ""
    if new.organisation.kind is MemberKind.MEDICAL_INSTITUTION:
        private = _adopt_private(new, randomness, map_bytes)
        _make_vault(new, genesis, randomness)
    new.home.write_config(
        new.organisation.member, new.organisation.node, new.organisation.name, (rules.chain, engine), private, more
    )
    return rules.chain


def consortium_genesis(homes: Sequence[NewHome], randomness: Randomness) -> Genesis:
    """Return the genesis of the founders, now."""
    founders = [new.founder() for new in homes]
    return make_genesis(Profile.CONSORTIUM, founders, SystemClock().now_ms(), randomness(16))


def _adopt_private(new: NewHome, randomness: Randomness, map_bytes: int) -> str:
    genesis = make_genesis(Profile.PRIVATE, [new.founder()], SystemClock().now_ms(), randomness(16))
    Ledger.create(new.home.path, rules_of(genesis), map_bytes).close()
    return chain_id(suite_of(genesis).hash, genesis)


def _make_vault(new: NewHome, genesis: Genesis, randomness: Randomness) -> None:
    chosen = suite_of(genesis)
    new.home.keyring.mkdir(mode=0o700)
    keyring = Keyring.create(
        new.home.keyring, chosen, lambda root: chosen.encrypt(new.keys.public(INSTITUTION), root), randomness
    )
    vault = Vault(new.home.vault, keyring, commitment_rule(chosen))
    vault.create()
    vault.close()
    persons = patient_index(new.home, keyring.keys)
    persons.create()
    persons.close()
    new.home.protection.mkdir(mode=0o700)
    ProtectionStore(new.home.protection, keyring.keys).create()
    keyring.close()
