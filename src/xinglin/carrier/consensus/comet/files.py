"""A home of the engine: its files, its keys, who it is (design D7).

``config/`` has ``config.toml``, ``genesis.json``, ``node_key.json`` and ``priv_validator_key.json``, for a while the
validator's next key too, and those before; ``data/`` is CometBFT's. Keys are Ed25519 and say only who connects and who
votes; they lie open as CometBFT wants them, for the owner alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.consensus.comet.config import EngineSettings, Peer, config_text, with_peers
from xinglin.carrier.consensus.comet.errors import EngineFileDamaged, EngineSigningStateLost, NextKeyDiffers
from xinglin.carrier.consensus.comet.genesis import EngineGenesis, genesis_text, public_key_json
from xinglin.carrier.crypto.files import sync_folder, write_durably, write_new_durably
from xinglin.carrier.crypto.suite import suite

_PRIVATE_SIZE = 64
_MAX_KEY_FILE = 4096
_FRESH_STATE = '{\n  "height": "0",\n  "round": 0,\n  "step": 0\n}'


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Who an engine is to others.

    ``peer``: its peer id, 20 bytes. ``node_key``, ``validator_key``: public keys, 32 bytes each. ``address``: the
    validator's address, 20 bytes.
    """

    peer: bytes
    node_key: bytes
    validator_key: bytes
    address: bytes


@dataclass(frozen=True, slots=True)
class EngineHome:
    """The folder of an engine, absolute."""

    folder: Path

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.folder / "config" / "config.toml"

    @property
    def genesis(self) -> Path:
        """What its chain begins with."""
        return self.folder / "config" / "genesis.json"

    @property
    def node_key(self) -> Path:
        """The private key by which peers know it."""
        return self.folder / "config" / "node_key.json"

    @property
    def validator_key(self) -> Path:
        """The private key by which it votes."""
        return self.folder / "config" / "priv_validator_key.json"

    @property
    def next_validator_key(self) -> Path:
        """The private key by which it is to vote once the chain has it; not there when none is on its way."""
        return self.folder / "config" / "next_validator_key.json"

    @property
    def signing_state(self) -> Path:
        """What it has signed last; never restored from a backup."""
        return self.folder / "data" / "priv_validator_state.json"

    @property
    def log(self) -> Path:
        """What it says; older parts beside it, with numbers."""
        return self.folder / "engine.log"

    @property
    def pid(self) -> Path:
        """Its process, while it runs."""
        return self.folder / "engine.pid"


def key_address(public: bytes) -> bytes:
    """Return a peer's id or a validator's address: the first 20 bytes of the SHA-256 of its Ed25519 public key."""
    return hashlib.sha256(public).digest()[:20]


def make_keys(home: EngineHome) -> EngineIdentity:
    """Make the folders and the keys that are not there yet; what is there stays.

    Raises:
        EngineFileDamaged: a key that is there can't be read.
        EngineSigningStateLost: a validator's key is there without its state of signing.
    """
    for folder in (home.folder, home.config.parent, home.signing_state.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    if not home.node_key.exists():
        _write_json(home.node_key, {"priv_key": _private_json(_new_key())})
    if not home.validator_key.exists():
        # The state first: a key without it is one whose state was lost.
        begin_signing(home)
        _write_validator_key(home.validator_key)
    return identity(home)


def next_validator_key(home: EngineHome) -> bytes:
    """Return the public key by which the validator is to vote next; it is made, durably, if it is not there.

    The key that votes now stays until ``take_next_validator_key``. Of two who make one at once, both get the first.

    Raises:
        EngineFileDamaged: one is there that can't be read.
    """
    if not home.next_validator_key.exists():
        _write_validator_key(home.next_validator_key)
    return _read_private(home.next_validator_key)[32:]


def validator_key(home: EngineHome) -> bytes:
    """Return the public key by which the validator votes, whether or not its state of signing is there.

    Raises:
        EngineFileDamaged: it is not there, or not whole.
    """
    return _read_private(home.validator_key)[32:]


def can_sign(home: EngineHome) -> bool:
    """Tell whether the engine could vote with the key that it has: key and state of signing are there."""
    try:
        _read_private(home.validator_key)
    except EngineFileDamaged:
        return False
    return home.signing_state.exists()


def waiting_validator_key(home: EngineHome) -> bytes | None:
    """Return the public key by which the validator is to vote next, None where there is none; nothing is made.

    Raises:
        EngineFileDamaged: one is there that can't be read.
    """
    return _read_private(home.next_validator_key)[32:] if home.next_validator_key.exists() else None


def take_next_validator_key(home: EngineHome, registered: bytes) -> None:
    """Have the validator vote with its next key, which the chain has and by which it has signed no vote.

    The key before is set aside as ``former_validator_key-<key>.json``; what it signed stays. An engine that runs votes
    with the next key from its next start on.

    Args:
        home: the engine's files.
        registered: the public key that the chain has.

    Raises:
        NextKeyDiffers: the next key is another one, or is not there.
        EngineFileDamaged: it can't be read.
    """
    if waiting_validator_key(home) != registered:
        raise NextKeyDiffers(home=str(home.folder), key=registered)
    _set_aside(home.validator_key)
    # The key first: the one before must never begin with a new state.
    home.next_validator_key.replace(home.validator_key)
    sync_folder(home.validator_key.parent)
    begin_signing(home)


def _set_aside(key: Path) -> None:
    """Copy a validator's key, durably, to where nothing takes its place; one that can't be read too."""
    try:
        data = key.read_bytes()
    except FileNotFoundError:
        return
    try:
        name = _read_private(key)[32:].hex()
    except EngineFileDamaged:
        name = f"damaged-{hashlib.sha256(data).hexdigest()}"
    with suppress(FileExistsError):  # it was, by one that died before it took the next
        write_new_durably(key.with_name(f"former_validator_key-{name}.json"), data)


def begin_signing(home: EngineHome) -> None:
    """Write the state of a validator's key that has signed nothing, where there is no state."""
    if not home.signing_state.exists():
        write_durably(home.signing_state, _FRESH_STATE.encode())


def identity(home: EngineHome) -> EngineIdentity:
    """Return who the engine is.

    Raises:
        EngineFileDamaged: a key is not there, or not whole.
        EngineSigningStateLost: the validator's key is there without its state of signing.
    """
    node = _read_private(home.node_key)[32:]
    validator = _read_private(home.validator_key)[32:]
    if not home.signing_state.exists():
        raise EngineSigningStateLost(home=str(home.folder))
    return EngineIdentity(key_address(node), node, validator, key_address(validator))


def sign_as_validator(home: EngineHome, message: bytes) -> bytes:
    """Return the validator key's signature over a message that is no vote, such as its proof of possession.

    Raises:
        EngineFileDamaged: the key is not there, or not whole.
    """
    return suite("intl").sign(_read_private(home.validator_key)[:32], message)


def sign_as_next_validator(home: EngineHome, message: bytes) -> bytes:
    """As ``sign_as_validator``, with the key by which the validator is to vote next."""
    return suite("intl").sign(_read_private(home.next_validator_key)[:32], message)


def write_genesis(home: EngineHome, genesis: EngineGenesis) -> None:
    """Write ``genesis.json`` of a new home, or check that the one that is there is the same.

    Raises:
        EngineFileDamaged: another one is there.
    """
    data = genesis_text(genesis).encode()
    if not home.genesis.exists():
        write_durably(home.genesis, data)
    elif home.genesis.read_bytes() != data:
        raise EngineFileDamaged(file=str(home.genesis))


def write_settings(home: EngineHome, settings: EngineSettings) -> None:
    """Write ``config.toml`` anew; the engine reads it when it starts."""
    write_durably(home.config, config_text(settings).encode())


def write_peers(home: EngineHome, peers: Sequence[Peer]) -> bool:
    """Write other persistent peers into ``config.toml`` and leave the rest; tell whether they changed.

    Raises:
        EngineFileDamaged: it is not there, or not one that was written here.
    """
    try:
        before = home.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise EngineFileDamaged(file=str(home.config)) from None
    after = with_peers(before, peers)
    if after is None:
        raise EngineFileDamaged(file=str(home.config))
    if after != before:
        write_durably(home.config, after.encode())
    return after != before


def _write_validator_key(path: Path) -> None:
    """Write a new key, unless one is there by now: it may be registered already."""
    private = _new_key()
    public = private[32:]
    document = {
        "address": key_address(public).hex().upper(),
        "pub_key": public_key_json(public),
        "priv_key": _private_json(private),
    }
    with suppress(FileExistsError):
        write_new_durably(path, json.dumps(document, indent=1).encode())


def _new_key() -> bytes:
    """Return a new private key as CometBFT keeps it: 32 bytes and the public key."""
    private = suite("intl").generate_private_key()
    return private + suite("intl").public_key(private)


def _private_json(private: bytes) -> dict[str, str]:
    return {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(private).decode()}


def _write_json(path: Path, document: object) -> None:
    write_durably(path, json.dumps(document, indent=1).encode())


def _read_private(path: Path) -> bytes:
    """Return the private key in a file, with its public key, which is compared."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_KEY_FILE))["priv_key"]
        kind, private = found["type"], base64.b64decode(found["value"], validate=True)
    except (OSError, ValueError, KeyError, TypeError):
        raise EngineFileDamaged(file=str(path)) from None
    whole = kind == "tendermint/PrivKeyEd25519" and len(private) == _PRIVATE_SIZE
    if not whole or suite("intl").public_key(private[:32]) != private[32:]:
        raise EngineFileDamaged(file=str(path))
    return private
