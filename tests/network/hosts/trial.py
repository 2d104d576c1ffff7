"""What all chapters of a trial share: the software, the hosts, the commands of the pages, and what nodes say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from tests.network.hosts.machine import CommandFailed, Host, Wire, blocks
from xinglin.carrier.consensus.comet.binary import find_engine

GUIDE = REPOSITORY / "docs" / "guide"
HOME = "/var/lib/xinglin/home"
RUN = "runuser -u xinglin -- /opt/xinglin/bin/xinglin"
FOUNDERS = ("hospital-a", "hospital-b", "platform", "regulator")
PROMPT = "Passphrase of the key store: "
AGAIN = "Once more: "


class Trial:
    """Hosts, and what was done on them.

    Args:
        folder: for hosts and packages; on a real disk.
        software: made before, by the page's first step; it is made where there is none.
    """

    def __init__(self, folder: Path, software: Path | None = None) -> None:
        self.folder = folder
        self.wire = Wire(folder)
        self.begun = time.monotonic()
        self.software = software or folder / "clone" / "software"
        self.packages = folder / "packages"

    def tell(self, text: str) -> None:
        """Print what is done, with the time since the beginning."""
        print(f"{time.monotonic() - self.begun:7.1f} s  {text}", flush=True)

    def page(self, name: str, heading: str) -> list[str]:
        """Return the commands that a page of the guides has under a heading."""
        return blocks((GUIDE / name).read_text(encoding="utf-8"), heading)

    # --- software ---

    def make_software(self) -> None:
        """Follow the page's first step in a copy of the repository, whose environment is this one."""
        if self.software.is_dir():
            return
        clone = self.folder / "clone"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY, capture_output=True, check=True,
        ).stdout  # fmt: skip
        for name in listed.decode().split("\0")[:-1]:
            if (REPOSITORY / name).is_file():
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, clone / name)
        (clone / ".venv").symlink_to(sys.prefix)
        find_engine()
        [commands] = self.page("separate-hosts.md", "1. Make the software once")
        first, _, rest = commands.partition("\n")
        assert first == "make install"
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(["bash", "-e", "-c", rest], cwd=clone, check=True, stdout=subprocess.DEVNULL, env=own)

    # --- hosts ---

    def new_host(self, name: str, number: int = 0) -> Host:
        """Return a host that runs, and has the software beside nothing else; ``number`` is of one that is gone."""
        host = self.wire.host(name, number)
        host.boot()
        host.put(self.software, "/srv/package/software")
        return host

    def hosts(self) -> list[Host]:
        """Return the hosts that have a node."""
        return [host for host in self.wire.hosts.values() if (host.root / HOME.lstrip("/")).is_dir()]

    def install(self, host: Host) -> None:
        """Follow the README of a package on its host, to the end of the way with systemd."""
        readme = (host.root / "srv/package/README.md").read_text(encoding="utf-8")
        host.sh("cd software && sha256sum --quiet -c SHA256SUMS", folder="/srv/package")
        [commands] = blocks(readme, "With systemd")
        host.sh(commands, folder="/srv/package")

    # --- what nodes say ---

    def said(self, host: Host, words: str) -> Any:
        """Run a command of the node's user on a host and return what it says as JSON."""
        return json.loads(host.sh(f"{RUN} {words} --home {HOME} --json").out)

    def height(self, host: Host) -> int:
        """Return the height of a host's consortium chain, by its running node; -1 where none answers."""
        try:
            return int(self.figures(host)["xinglin_height"])
        except CommandFailed:
            return -1

    def level(self, host: Host, other: Host, seconds: float = 120.0) -> float:
        """Wait until a host's chain is as high as another's was just before; return how many seconds that took."""

        def is_level() -> bool:
            wanted = self.height(other)
            return self.height(host) >= wanted > 0

        return self.wait(f"{host.name} is level with {other.name}", is_level, seconds)

    def figures(self, host: Host) -> Mapping[str, float]:
        """Return a node's figures, from loopback of its host; those with labels are added up."""
        text = fetched(host, "http://127.0.0.1:7701/metrics")
        found: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name = "private" if 'profile="private"' in name else name.partition("{")[0]
                found[name] = found.get(name, 0.0) + float(value)
        return found

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = 60.0) -> float:
        """Wait until something holds; return how many seconds that took."""
        begun = time.monotonic()
        while not holds():
            if time.monotonic() - begun > seconds:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.5)
        return time.monotonic() - begun

    def grows(self, host: Host, seconds: float = 60.0) -> float:
        """Wait until a host's chain has two blocks more."""
        before = max(self.height(host), 0)
        return self.wait(f"blocks on {host.name}", lambda: self.height(host) >= before + 2, seconds)

    def agree(self, *hosts: Host) -> int:
        """Compare the app hashes of hosts at the lowest of their heights, which is returned."""
        some = hosts or tuple(self.hosts())
        height = min(self.height(host) for host in some)
        found = {host.name: local(host, f"/app_hash/{height}")["app_hash"] for host in some}
        assert height > 0, found
        assert len(set(found.values())) == 1, found
        return height

    def cosigned(self, *hosts: Host) -> float:
        """Wait until a height from now on has a quorum of cosignatures on hosts; return how long that took."""
        some = hosts or tuple(self.hosts())
        before = {host.name: self.height(host) for host in some}

        def have() -> bool:
            return all(self.figures(host)["xinglin_cosigned_height"] > before[host.name] for host in some)

        return self.wait("a quorum of cosignatures", have)

    def passphrase(self, host: Host) -> str:
        """Return what its administrator reads in the passphrase file."""
        return (host.root / "var/lib/xinglin/passphrase").read_text().strip()


def fetched(host: Host, url: str) -> str:
    """Return what a URL gives on a host."""
    code = f"import urllib.request as u; print(u.urlopen({url!r}, timeout=5).read().decode())"
    return host.sh(f'/opt/xinglin/bin/python -c "{code}"').out


def reachable(host: Host, address: str, port: int) -> bool:
    """Tell whether a port is open to a host."""
    code = f"import socket; socket.create_connection(({address!r}, {port}), 2)"
    return host.sh(f'/opt/xinglin/bin/python -c "{code}" 2>/dev/null && echo open || echo shut').out.strip() == "open"


def local(host: Host, path: str) -> Any:
    """Return what a node says on its local socket."""
    code = (
        "from pathlib import Path; from xinglin.node.remote.transport import Ask, ask, parse_address; "
        f"print(ask(parse_address('unix:{HOME}/node.sock'), Ask('GET', '{path}')).body.decode())"
    )
    return json.loads(host.sh(f'runuser -u xinglin -- /opt/xinglin/bin/python -c "{code}"').out)


def word(script: str, **meant: str) -> str:
    """Return a command of a page with its capital words replaced."""
    for name, value in meant.items():
        script = re.sub(rf"\b{name}\b", value, script)
    return script
