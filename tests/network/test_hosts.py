"""Exported packages on hosts of their own, by their README: a systemd each, users, firewalled names.

The share of ``python -m tests.network.hosts`` that runs each time. The program is lent to the hosts, not installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.network.hosts.disks import Disk, possible
from tests.network.hosts.machine import Host, blocks, missing
from tests.network.hosts.power import power_cut
from tests.network.hosts.running import check_bounds, healthy
from tests.network.hosts.trial import Trial
from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from tests.support.product import CHEAP
from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.crypto.files import write_durably
from xinglin.node.network_tool.creating import create_network
from xinglin.node.network_tool.exporting import export_network
from xinglin.node.network_tool.plan import read_plan

PYTHON = "/usr/bin/python3"
NAMES = ("hospital", "platform")


def reason() -> str:
    """Return why this can't run here, empty when it can."""
    if sys.platform != "linux":
        return "separate hosts are namespaces of Linux"
    lacking = missing()
    if lacking:
        return lacking
    asking = [PYTHON, "-c", "import sys, venv; print(*sys.version_info[:2])"]
    said = subprocess.run(asking, capture_output=True, text=True, check=False)
    own = " ".join(map(str, sys.version_info[:2]))
    return "" if said.stdout.strip() == own else f"separate hosts need {PYTHON} of version {own.replace(' ', '.')}"


def packages(folder: Path) -> Path:
    """Make a network of two and export it."""
    lines = [f"base_port = {free_ports(8)}"]
    for name, kind in zip(NAMES, ("medical_institution", "technology_provider"), strict=True):
        lines += ["[[members]]", f'folder = "{name}"', f'name = "The {name}"', f'kind = "{kind}"']
    (folder / "members.toml").write_text("\n".join(lines) + "\n")
    made = create_network(read_plan(folder / "members.toml"), folder / "net", lambda _: None, CHEAP)
    export_network(made, folder / "packages", {name: f"{name}.example.org" for name in NAMES}, lambda _: None, CHEAP)
    return folder / "packages"


def install(host: Host, package: Path) -> None:
    """Do what the README of a package says, with the program of this environment in the place of the wheels."""
    site = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    host.lent = {"/opt/lent/site": site, "/opt/lent/src": REPOSITORY / "src"}
    host.boot()
    host.put(package, "/srv/package")
    host.put(find_engine(), "/opt/xinglin/engine/cometbft")
    host.sh(f"{PYTHON} -m venv --without-pip /opt/xinglin")
    version = ".".join(map(str, sys.version_info[:2]))
    host.write(f"/opt/xinglin/lib/python{version}/site-packages/lent.pth", "/opt/lent/src\n/opt/lent/site\n")
    host.write(
        "/opt/xinglin/bin/xinglin",
        "#!/opt/xinglin/bin/python\nfrom xinglin.__main__ import main\n\nraise SystemExit(main())\n",
    )
    host.sh("chmod 0755 /opt/xinglin/bin/xinglin")
    [commands] = blocks((package / "README.md").read_text(encoding="utf-8"), "With systemd")
    own = [line for line in commands.splitlines() if "software/" not in line and "venv" not in line]
    host.sh("\n".join(own), folder="/srv/package")


def test_a_disk_loses_at_a_cut_what_was_not_written_through_and_nothing_else(tmp_path: Path) -> None:
    """Otherwise a power cut of hosts would show nothing."""
    if missing() or not possible():
        pytest.skip("disks need root and loop devices")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "before").write_bytes(b"before")
    disk = Disk(tmp_path / "disk", folder)
    try:
        write_durably(folder / "kept", b"kept")
        (folder / "lost").write_bytes(b"lost")
        with (folder / "kept").open("ab") as file:
            file.write(b" and lost")
        disk.cut()
        assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == {
            "before": b"before", "kept": b"kept",
        }  # fmt: skip
        (folder / "late").write_bytes(b"late")
        disk.flush()
        disk.cut()
        assert (folder / "late").read_bytes() == b"late"
    finally:
        disk.close()


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Trial, list[Host]]]:
    """Give two hosts on which the packages of a network run, linked to each other and cosigning."""
    lacking = reason()
    if lacking:
        pytest.skip(lacking)
    made = packages(folder)
    trial = Trial(folder)
    try:
        hosts = [trial.wire.host(name) for name in NAMES]
        for host in hosts:
            install(host, made / host.name)
        trial.grows(hosts[0])
        trial.cosigned(*hosts)
        for host in hosts:
            trial.wait(f"links of {host.name}", lambda host=host: healthy(trial, host, 1))
        yield trial, hosts
    finally:
        trial.wire.close()


@needs_engine
@pytest.mark.requirement("S6.3b", part="packages on hosts that see nothing else, run by systemd as they are")
def test_packages_run_on_hosts_of_their_own(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as (_, hosts):
        for host in hosts:
            check_bounds(host)


@needs_engine
@pytest.mark.skipif(os.environ.get("XINGLIN_FAULTS") != "1", reason="longer fault tests: XINGLIN_FAULTS=1")
@pytest.mark.requirement("S6.2b", part="two hosts, and what they acknowledged outlives a power cut of both")
def test_what_was_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as (trial, hosts):
        power_cut(trial, hosts, 5.0)
        trial.grows(hosts[0])
