"""A node in a process of its own, as ``xinglin serve`` runs it, and clients of it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.product import FRESH, PASSPHRASE, child, child_environment, make_hospital, write_passphrase
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.model import EndAccount
from xinglin.carrier.crypto.keystore import KeyStore, open_keystore
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.home import Home
from xinglin.node.node import open_node
from xinglin.node.office.accounts import add_account
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.claims import Assurance, Patience
from xinglin.node.remote.member import MemberNode
from xinglin.node.remote.trusting import ChainNamed
from xinglin.stakeholders.kinds import Role

LISTENING = {"listen": "127.0.0.1:0", "metrics": "127.0.0.1:0"}
_START_SECONDS = 2 * PATIENCE


def home_to_serve(folder: Path, accounts: int = 0, **listener: Any) -> tuple[Path, list[str]]:
    """Make a hospital's home that listens on loopback; return it and the ids of so many further accounts."""
    home = make_hospital(folder / "home")
    write_passphrase(folder)
    node = open_node(home, PASSPHRASE)
    node.start_own_chains()
    names = [add_account(node, (Role.AUDITOR,), f"Person {number}").account for number in range(accounts)]
    node.close()
    settings = {**LISTENING, **listener}
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    with (home / "config.toml").open("a") as config:
        config.write("\n[listener]\n" + "".join(line + "\n" for line in lines))
        config.write("\n[cosigning]\nrequests_per_minute = 100_000\n")
        config.write(FRESH)
    return home, names


@dataclass
class Served:
    """A served home: what its process said first, and the process."""

    home: Path
    process: subprocess.Popen[bytes]
    said: Mapping[str, Any]
    keys: KeyStore = field(init=False)

    def __post_init__(self) -> None:
        """Open the key store, as the keeper of the home does who signs apart from the node."""
        self.keys = open_keystore(Home(self.home).keys, PASSPHRASE)

    @property
    def members(self) -> str:
        """The address of the listener for members."""
        return f"http://{self.said['members']}"

    @property
    def local(self) -> str:
        """The address of the local socket."""
        return f"unix:{self.said['local']}"

    @property
    def named(self) -> ChainNamed:
        """The consortium chain."""
        return ChainNamed(self.said["chain"], suite("gm"))

    def signer(self, name: str) -> Signer:
        """Return a signer for one of the home's keys."""
        return Signer(self.keys.public(name), lambda message: self.keys.sign(name, message))

    def client(self, *addresses: str, patience: Patience | None = None, **more: Any) -> RemoteChain:
        """Return a client of the chain; through the listener for members unless other addresses are given.

        It believes the log of one node: a node of its own alone need not be waited for.
        """
        more = {"assurance": Assurance.NODE} | more
        return RemoteChain(addresses or (self.members,), self.named, SystemClock(), random_bytes, patience, **more)

    def member(self, signer: Signer, node: str = "") -> MemberNode:
        """Return what asks the node as a member."""
        return MemberNode(self.members, self.named, signer, SystemClock(), random_bytes, node)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop the process; return its status and what it wrote since it served."""
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()


def start(home: Path) -> Served:
    """Serve a home and return when it answers; its passphrase file lies beside it."""
    command = child("serve", home, "--passphrase-file", home.parent / "passphrase", "--json")
    process = subprocess.Popen(
        command, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    timer.cancel()
    if not line.startswith(b'{"chain"'):
        out, err = process.communicate(timeout=PATIENCE)
        raise AssertionError(f"status {process.returncode}: {(line + out).decode()} {err.decode()}")
    return Served(home, process, json.loads(line))


def start_together(*homes: Path) -> list[Served]:
    """Serve homes at once, as engines need one another; where one does not come the others are stopped again."""
    with ThreadPoolExecutor(len(homes)) as pool:
        starts = [pool.submit(start, home) for home in homes]
    if any(one.exception() for one in starts):
        for one in starts:
            if one.exception() is None:
                one.result().stop()
    return [one.result() for one in starts]


@contextmanager
def serving(home: Path) -> Iterator[Served]:
    """Serve a home until the block ends."""
    served = start(home)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()


def end_account_call(account: str) -> Operation:
    """Return a call that ends an account."""
    return operation(suite("gm"), "registry", "end_account", EndAccount(account))


def new_identifier() -> str:
    """Return a random identifier."""
    return identifier(random_bytes(16))


@dataclass(frozen=True)
class Heard:
    """What came over a raw connection: status, head and body; 0 where it was cut off without an answer."""

    status: int
    head: bytes
    body: bytes

    @property
    def code(self) -> str:
        """The code of the problem that it is."""
        return str(json.loads(self.body)["code"])


def raw(address: str, sent: bytes, seconds: float = PATIENCE) -> Heard:
    """Send bytes over a connection of their own and return what comes until it ends, or until the answer is whole."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), seconds) as connection:
        try:
            connection.sendall(sent)
            return hear(connection)
        except OSError:
            return Heard(0, b"", b"")


def hear(connection: socket.socket) -> Heard:
    """Read one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return Heard(0, data, b"")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    )
    while len(body) < length:
        part = connection.recv(65_536)
        if not part:
            break
        body += part
    return Heard(int(head.split()[1]), head, body)


def request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: node", "connection: close", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
