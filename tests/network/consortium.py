"""A consortium on one machine for a fault test: homes, each node a process with its own engine, proxies if asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.network.clock import OFFSET, clock_engine
from tests.network.manifest import Manifest
from tests.network.proxy import Partition, Proxy
from tests.support.damage import data_file
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, child, child_environment, write_passphrase
from xinglin.carrier.consensus.comet.binary import VARIABLE
from xinglin.carrier.consensus.comet.files import EngineHome
from xinglin.carrier.consensus.comet.stale import stop_strays, strays
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes, rules_of
from xinglin.node.consortium.network_setup import Place, found_network
from xinglin.node.home import Home
from xinglin.node.remote.forms import PREFIX, HeadSaid, read_answer
from xinglin.node.remote.transport import Ask, ask, parse_address
from xinglin.node.setup import make_home
from xinglin.stakeholders.kinds import MemberKind

START_SECONDS = 240.0
_STOP_SECONDS = 60.0
_PORTS = 4
KINDS = (MemberKind.TECHNOLOGY_PROVIDER, MemberKind.DATA_USER, MemberKind.TECHNOLOGY_PROVIDER, MemberKind.REGULATOR)


@dataclass
class Member:
    """A node of the consortium: its home, its ports, its process while one runs."""

    name: str
    home: Path
    place: Place
    fault: str = ""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    ended: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it answers members."""
        return f"http://{self.place.listen}"

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def log(self, kind: str, start: int) -> Path:
        """Return the file with what a process of it wrote."""
        return self.home.parent / f"{self.name}.{start}.{kind}"


class Consortium:
    """Founds the homes of a manifest; starts and stops their processes."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.passphrase = write_passphrase(folder)
        base = free_ports(_PORTS * (len(manifest.nodes) + 1))
        places = [
            Place(f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}", f"127.0.0.1:{port + 2}")
            for port in range(base, base + _PORTS * len(manifest.nodes), _PORTS)
        ]
        self._spare = Place(*(f"127.0.0.1:{base + _PORTS * len(manifest.nodes) + more}" for more in range(3)))
        homes = [
            make_home(folder / name, name, KINDS[number % len(KINDS)], PASSPHRASE, random_bytes, CHEAP)
            for number, name in enumerate(manifest.nodes)
        ]
        earlier = SystemClock().now_ms() - int(manifest.founded_before * 1000)
        with patch.object(SystemClock, "now_ms", lambda _: earlier):
            genesis = found_network(homes, places, random_bytes)
        self.rules: ChainRules = rules_of(genesis)
        self.members = {
            name: Member(name, folder / name, place, manifest.faults.get(name, ""))
            for name, place in zip(manifest.nodes, places, strict=True)
        }
        self.partition = Partition()
        self._proxies: list[Proxy] = []
        for member in self.members.values():
            self._configure(member, proxied=manifest.proxies)

    # --- processes ---

    def start(self, names: Sequence[str], *, wait: bool = True) -> None:
        """Start nodes together and wait until each answers."""
        for name in names:
            self.spawn(self.members[name])
        deadline = time.monotonic() + START_SECONDS
        while wait and not all(self._serves(self.members[name]) for name in names):
            if time.monotonic() > deadline:
                raise AssertionError(f"of {', '.join(names)} not all serve after {START_SECONDS:.0f} s")
            time.sleep(0.1)

    def spawn(self, member: Member) -> subprocess.Popen[bytes]:
        """Begin a process of a node."""
        assert not member.running, f"{member.name} runs"
        member.starts += 1
        words = ["--passphrase-file", str(self.passphrase), "--json"]
        fault, _, ahead = member.fault.partition(":")
        command = child("serve", member.home, *words)
        if fault:
            command = child(fault, "serve", member.home, *words, module="tests.network.bad_node")
        more = {OFFSET: ahead, VARIABLE: str(clock_engine())} if ahead else {}
        out, err = (member.log(kind, member.starts).open("wb") for kind in ("out", "err"))
        with out, err:
            member.process = subprocess.Popen(command, env=child_environment(more), stdout=out, stderr=err)
        return member.process

    def end(self, member: Member, by: signal.Signals = signal.SIGKILL) -> int:
        """End a node's process and wait for it; return its status."""
        assert member.process is not None
        if member.process.poll() is None:
            member.process.send_signal(by)
        status = member.process.wait(_STOP_SECONDS)
        member.ended.append(status)
        return status

    def engine(self, member: Member) -> EngineHome:
        """Return the engine's folder of a node."""
        return EngineHome(Home(member.home).engine(self.rules.chain).resolve())

    def engine_pids(self) -> dict[str, int]:
        """Return the process of each engine that runs."""
        found = {}
        for member in self.members.values():
            with suppress(OSError, ValueError):
                found[member.name] = int(self.engine(member).pid.read_text())
        return found

    def kill_engine(self, member: Member) -> bool:
        """Kill the engine of a node, if one runs."""
        pids = strays(self.engine(member).folder)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def close(self) -> None:
        """End whatever still runs, engines too."""
        for member in self.members.values():
            if member.running:
                assert member.process is not None
                member.process.send_signal(signal.SIGTERM)
        for member in self.members.values():
            if member.process is not None:
                try:
                    member.process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    member.process.kill()
                    member.process.wait()
            stop_strays(self.engine(member).folder, 10)
        for proxy in self._proxies:
            proxy.close()

    # --- looking ---

    def said(self, member: Member) -> dict[str, Any]:
        """Return what the newest process of a node said first; empty until it serves."""
        text = member.log("out", member.starts).read_text()
        return json.loads(text.splitlines()[0]) if "\n" in text else {}

    def head(self, name: str) -> HeadSaid | None:
        """Return the newest block of a node, None where it does not answer."""
        address = parse_address(self.members[name].address)
        with suppress(PlatformError):
            return read_answer(ask(address, Ask("GET", f"{PREFIX}/head", seconds=5.0)), HeadSaid)
        return None

    def errors(self, member: Member) -> str:
        """Return what the newest process of a node wrote of errors."""
        return member.log("err", member.starts).read_text(errors="replace")

    # --- homes ---

    def corrupt(self, member: Member) -> None:
        """Flip a bit in each page of a stopped node's database but the two that LMDB chooses from."""
        assert not member.running
        path = data_file(member.home, self.rules.chain)
        data = bytearray(path.read_bytes())
        for at in range(8192 + 100, len(data), 512):
            data[at] ^= 0x40
        path.write_bytes(bytes(data))

    def add_twin(self, of: str, fault: str) -> Member:
        """Return a further process's home with the same validator key as a stopped or fresh node has."""
        member = self.members[of]
        home = self.folder / f"{of}-twin"
        shutil.copytree(member.home, home, ignore=shutil.ignore_patterns("*.sock", "engine.pid", "LOCK"))
        twin = Member(f"{of}-twin", home, self._spare, fault)
        self.members[twin.name] = twin
        config = home / "config.toml"
        text = config.read_text()
        for own, other in zip(
            (member.place.p2p, member.place.rpc, member.place.listen),
            (twin.place.p2p, twin.place.rpc, twin.place.listen),
            strict=True,
        ):
            text = text.replace(f'"{own}"', f'"{other}"')
        config.write_text(text)
        self.engine(twin).node_key.unlink()
        return twin

    def _configure(self, member: Member, *, proxied: bool) -> None:
        """Let a node bear a test's load, and put its engine behind a proxy, whose address the registry has."""
        config = member.home / "config.toml"
        text = config.read_text()
        if proxied:
            public = int(member.place.p2p.rpartition(":")[2])
            text = text.replace(f'p2p_listen = "{member.place.p2p}"', f'p2p_listen = "127.0.0.1:{public + 3}"')
            self._proxies.append(Proxy(member.name, public, public + 3, self.partition, self.engine_pids))
        config.write_text(text + "source_requests = 100000\n")

    def _serves(self, member: Member) -> bool:
        assert member.process is not None
        if member.process.poll() is not None:
            raise AssertionError(f"{member.name} ended with {member.process.returncode}: {self.errors(member)[-2000:]}")
        return self.said(member).get("event") == "serving"
