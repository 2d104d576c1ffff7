"""The folder of a network: its homes, the file that describes them, the passphrase file, one command at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from xinglin.carrier.crypto.files import write_durably
from xinglin.node.network_tool.errors import NetworkBusy, NetworkLeft, NetworkNotFound, NodeUnknown
from xinglin.node.network_tool.plan import MAX_MEMBERS, Folder, InnerPlace, OwnPlace
from xinglin.node.network_tool.reading_toml import Table, read_toml

DESCRIPTION, PASSPHRASE, LEFT = "network.toml", "passphrase", "exported"
_LOCK = ".lock"
_HEAD = """\
# A consortium on one machine, for development only: one passphrase opens the keys of all members, and it lies beside
# them. Made by 'xinglin network create'; homes are folders beside this file.
"""


class _Node(Table):
    folder: Folder
    member: str = Field(pattern=r"^[a-z2-7]{26}$")
    node: str = Field(pattern=r"^[a-z2-7]{26}$")
    votes: bool
    p2p: OwnPlace
    rpc: InnerPlace
    listen: OwnPlace
    metrics: OwnPlace


class _Network(Table):
    chain: str = Field(pattern=r"^c[a-z2-7]{26}$")
    nodes: Annotated[list[_Node], Field(min_length=1, max_length=MAX_MEMBERS)]


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """One node: its name, which is its folder's; its home; whose it is and whether they vote; where it listens."""

    name: str
    home: Path
    member: str
    node: str
    votes: bool
    p2p: str
    rpc: str
    listen: str
    metrics: str

    @property
    def log_folder(self) -> Path:
        """Where its process keeps its log and its number."""
        return self.home / "log"

    @property
    def serve_log(self) -> Path:
        """What its process says."""
        return self.log_folder / "serve.log"

    def engine_folder(self, chain: str) -> Path:
        """The folder of its engine, as the engine's command line has it."""
        return (self.home / "engine" / chain).resolve()


@dataclass(frozen=True, slots=True)
class NetworkFolder:
    """A network: its folder, absolute; its chain; its nodes in the order in which they start."""

    path: Path
    chain: str
    nodes: tuple[NetworkNode, ...]

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of all homes."""
        return self.path / PASSPHRASE

    def some(self, names: Sequence[str]) -> tuple[NetworkNode, ...]:
        """Return the nodes of these names, all when none is named.

        Raises:
            NodeUnknown: there is none of a name.
        """
        for name in names:
            if all(node.name != name for node in self.nodes):
                raise NodeUnknown(folder=str(self.path), node=name[:80])
        return tuple(node for node in self.nodes if node.name in names or not names)

    def require_here(self) -> None:
        """Refuse where the network was exported.

        Raises:
            NetworkLeft: it was.
        """
        mark = self.path / LEFT
        if mark.exists():
            raise NetworkLeft(folder=str(self.path), to=mark.read_text(encoding="utf-8", errors="replace").strip())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other command start, stop or export the network until the block ends.

        Raises:
            NetworkBusy: one does.
        """
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise NetworkBusy(folder=str(self.path)) from None
        finally:
            os.close(descriptor)


def open_folder(path: Path) -> NetworkFolder:
    """Return the network of a folder.

    Raises:
        NetworkNotFound: there is none.
        MembersInvalid: the file that describes it is not valid.
    """
    path = path.resolve()
    if not (path / DESCRIPTION).is_file():
        raise NetworkNotFound(folder=str(path))
    found = read_toml(path / DESCRIPTION, _Network)
    nodes = [
        NetworkNode(
            one.folder, path / one.folder, one.member, one.node, one.votes, one.p2p, one.rpc, one.listen, one.metrics
        )
        for one in found.nodes
    ]
    return NetworkFolder(path, found.chain, tuple(nodes))


def write_description(path: Path, chain: str, nodes: Sequence[NetworkNode]) -> None:
    """Write the file that describes a network."""
    lines = [_HEAD, f"chain = {json.dumps(chain)}"]
    for one in nodes:
        told = {
            "folder": one.name,
            "member": one.member,
            "node": one.node,
            "votes": one.votes,
            "p2p": one.p2p,
            "rpc": one.rpc,
            "listen": one.listen,
            "metrics": one.metrics,
        }
        # These texts have no character that JSON and TOML write differently.
        lines += ["", "[[nodes]]", *(f"{key} = {json.dumps(value)}" for key, value in told.items())]
    write_durably(path / DESCRIPTION, ("\n".join(lines) + "\n").encode())
