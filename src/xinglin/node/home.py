"""A node's home: one folder, each kind of data apart (design D13; S7.1b2, S8.2d).

``config.toml``, ``keys/``, ``chain/<id>/``, ``engine/<id>/``, ``vault/``, ``keyring/``, ``accounts/``,
``patient_index/``, ``protection/``, ``quarantine/``, ``destruction/``, ``notices/``, ``episodes/``, ``projections/``,
``receipts/``, ``evidence/``, ``accepted-<id>.json``, ``log/`` (where ``xinglin network`` starts it). Keys lie apart
from what they open, so that each kind can be backed up and guarded by itself.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.crypto.files import sync_folder, write_durably
from xinglin.kernel.errors import Conflict
from xinglin.settings import CONFIG_NAME

Setting = str | int | tuple[str, ...]
"""A value of a setting as the settings file has it."""

MAX_KEPT_ANSWERS = 100
"""Answers of one node that are kept as evidence; more say nothing new, and would fill the disk."""
MAX_KEPT_BYTES = 32 << 20
"""Of all answers of one node that are kept."""


class HomeExists(Conflict):
    """A home is to be made where there is something already."""

    code, number, clause = "home.exists", 6003, "S6.3b"
    en = "{home} exists and is not empty."
    zh = "{home} 已存在且不为空。"
    hint_en = "Choose another folder with --home."
    hint_zh = "请用 --home 指定其他目录。"


_OPENING_BYTES = 65_536
"""More than what opens a commitment to a person ever has."""
_MAKING = ".making"
"""How the name of a folder ends in which a home is being made."""


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of a home."""

    path: Path

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.path / CONFIG_NAME

    @property
    def keys(self) -> Path:
        """The key store."""
        return self.path / "keys"

    @property
    def vault(self) -> Path:
        """Encrypted originals."""
        return self.path / "vault"

    @property
    def keyring(self) -> Path:
        """Wrapped record keys and salts."""
        return self.path / "keyring"

    @property
    def patient_index(self) -> Path:
        """The patient index: who the patients are, sealed."""
        return self.path / "patient_index"

    @property
    def protection(self) -> Path:
        """Consents, guardianships, emergencies and mandates that this node decides by, sealed."""
        return self.path / "protection"

    @property
    def quarantine(self) -> Path:
        """What intake refused, sealed."""
        return self.path / "quarantine"

    @property
    def notices(self) -> Path:
        """The inbox: notices sent and received, sealed."""
        return self.path / "notices"

    @property
    def receipts(self) -> Path:
        """Receipts of what this home's accounts asked custodians, by the hash of the request; no content."""
        return self.path / "receipts"

    @property
    def episodes(self) -> Path:
        """Sealed episodes, sealed."""
        return self.path / "episodes"

    @property
    def projections(self) -> Path:
        """What is made from the chains to find things quickly; it can be made again."""
        return self.path / "projections"

    @property
    def destruction(self) -> Path:
        """Certificates of destruction, and what is being destroyed."""
        return self.path / "destruction"

    @property
    def registered(self) -> Path:
        """At which height the node of a member that joined was registered; not there in a founder's home."""
        return self.path / "registered"

    @property
    def validator_registration(self) -> Path:
        """The signed transaction that registers the validator's next key, until its outcome is certain."""
        return self.path / "validator-registration"

    @property
    def validator_lock(self) -> Path:
        """Is held by whoever registers or takes the validator's next key; it has no content."""
        return self.path / ".validator-registration.lock"

    @property
    def evidence(self) -> Path:
        """What contradicts others, kept for people."""
        return self.path / "evidence"

    def chain(self, chain: str) -> Path:
        """One chain's store."""
        return self.path / "chain" / chain

    def engine(self, chain: str) -> Path:
        """The files of the engine that makes a chain's blocks, where it is a process of its own."""
        return self.path / "engine" / chain

    def remembered(self, chain: str) -> Path:
        """What this home's commands, as clients of other nodes, have accepted of a chain."""
        return self.path / f"accepted-{chain}.json"

    def keep_person(self, account: str, salt: bytes, statement: bytes) -> None:
        """Keep what opens an account's commitment to the responsible person, apart from chain and keys."""
        folder = self.path / "accounts"
        folder.mkdir(mode=0o700, exist_ok=True)
        opening = {"account": account, "salt": salt.hex(), "statement": statement.decode()}
        write_durably(folder / f"{account}.json", json.dumps(opening, ensure_ascii=False).encode())

    def person_opening(self, account: str) -> bytes | None:
        """Return what ``keep_person`` kept of an account, as it is on the disk; None where there is nothing."""
        path = self.path / "accounts" / f"{account}.json"
        return path.read_bytes()[:_OPENING_BYTES] if path.is_file() else None

    def keep_evidence(self, name: str, data: bytes) -> None:
        """Keep a piece of evidence durably."""
        self.evidence.mkdir(mode=0o700, exist_ok=True)
        write_durably(self.evidence / name, data)

    def keep_answer(self, name: str, data: bytes) -> None:
        """Keep a node's answer as evidence, unless as many of that node are kept as say anything new."""
        of_node = "-".join(name.split("-")[:3])
        kept = [one.stat().st_size for one in self.evidence.glob(f"{of_node}-*.json")]
        if len(kept) < MAX_KEPT_ANSWERS and sum(kept) + len(data) <= MAX_KEPT_BYTES:
            self.keep_evidence(name, data)

    def write_config(
        self,
        member: str,
        node: str,
        name: str,
        consortium: tuple[str, str],
        private: str,
        more: Mapping[str, Mapping[str, Setting]] | None = None,
    ) -> None:
        """Write the settings file.

        Args:
            member: the owner's member id.
            node: this node's id.
            name: the member's name.
            consortium: chain id and engine (``embedded``, ``group`` or ``cometbft``).
            private: the private chain's id, empty for none.
            more: further settings by group, such as where the engine listens.
        """
        lines = [
            "# Settings of this node. Every setting is described in docs/guide/settings.md.",
            f'member = "{member}"',
            f'node = "{node}"',
            f"name = {_toml_string(name)}",
            "",
            "[consortium]",
            f'id = "{consortium[0]}"',
            f'engine = "{consortium[1]}"',
        ]
        if private:
            lines += ["", "[private]", f'id = "{private}"']
        for group, values in (more or {}).items():
            lines += ["", f"[{group}]"]
            lines += [f"{key} = {_toml(one)}" for key, one in values.items()]
        write_durably(self.config, "".join(line + "\n" for line in lines).encode())


def new_home(path: Path) -> Home:
    """Make the folder of a home.

    Raises:
        HomeExists: there is something at that path.
    """
    _require_empty(path)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Home(path)


@contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """Give a folder to make a home in, which takes its place when the block ends and is removed when it fails.

    A process that is killed meanwhile leaves a folder ``*.making`` beside the home, or in it where it is a mount point
    or the present folder and can't be replaced; either is no half home and stands in nobody's way.

    Raises:
        HomeExists: there is something at that path.
    """
    path = path.resolve()
    _require_empty(path)
    fixed = path.exists() and (path.is_mount() or path == Path.cwd())
    beside = path if fixed else path.parent
    beside.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_MAKING, dir=beside))
    try:
        yield making
        sync_folder(making)
        if fixed:
            for child in sorted(making.iterdir(), key=lambda one: one.name == CONFIG_NAME):
                child.rename(path / child.name)
            path.chmod(0o700)
        else:
            making.rename(path)  # an empty folder is replaced
        sync_folder(path if fixed else path.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _require_empty(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(not child.name.endswith(_MAKING) for child in path.iterdir())):
        raise HomeExists(home=str(path))


def _toml(value: Setting) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_string(one) for one in value) + "]"
    return _toml_string(value) if isinstance(value, str) else str(value)


def _toml_string(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else f"\\{c}" if c in '"\\' else c for c in text
    )
    return f'"{escaped}"'
