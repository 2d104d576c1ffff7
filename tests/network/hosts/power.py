"""A power cut in the data centre: all hosts lose power at once while transactions come, and get it back together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.network.hosts.disks import Disk, possible
from tests.network.hosts.machine import Host
from tests.network.hosts.running import firewall_again
from tests.network.hosts.trial import HOME, Trial

_SUBMIT = """
import time
from pathlib import Path
from xinglin.carrier.access.registry.model import NAMESPACE, AddNode, NodeState
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.remote.served import ServedHome
from xinglin.settings import load_settings
home = Path("{home}")
served = ServedHome(home)
own = decode(NodeState, served.value(state_key(NAMESPACE, "node", load_settings(home).node)))
while True:
    new = identifier(random_bytes(16))
    try:
        served.call(NAMESPACE, "add_node", AddNode(new, own.sealing_key), "administrator")
    except PlatformError:  # as while the other hosts start again; only what is acknowledged counts
        time.sleep(0.5)
        continue
    print(new, flush=True)
"""
_LOOK = """
import sys
from pathlib import Path
from xinglin.carrier.access.registry.model import NAMESPACE
from xinglin.kernel.encoding import state_key
from xinglin.node.remote.served import ServedHome
served = ServedHome(Path("{home}"))
for line in sys.stdin:
    if served.value(state_key(NAMESPACE, "node", line.strip())) is None:
        print(line.strip())
"""


def power_cut(trial: Trial, hosts: Sequence[Host], seconds: float = 20.0) -> None:
    """Take the power of all hosts at once under load and give it back: all that was acknowledged is on every node.

    ``seconds``: of load before that, from when each has three answers on.
    """
    if possible():
        give_disks(trial, hosts)
    else:
        trial.tell("no disks can be made here: whether all was written in time is not shown")
    acknowledged = trial.folder / "acknowledged"
    acknowledged.mkdir(exist_ok=True)
    submitting = [host.begin(as_user(_SUBMIT), acknowledged / host.name) for host in hosts]
    answered = [acknowledged / host.name for host in hosts]
    trial.wait("each host has answers", lambda: all(len(whole_lines(one)) >= 3 for one in answered), 120)
    time.sleep(seconds)
    assert all(one.poll() is None for one in submitting), "a load ended by itself"
    before = max(trial.height(host) for host in hosts)
    with ThreadPoolExecutor(len(hosts)) as pool:
        for done in [pool.submit(host.lose_power) for host in hosts]:
            done.result()
    for one in submitting:
        one.wait(30)
    begun = time.monotonic()
    with ThreadPoolExecutor(len(hosts)) as pool:
        for done in [pool.submit(host.boot) for host in hosts]:
            done.result()
    for host in hosts:
        firewall_again(host)
    booted = time.monotonic() - begun
    trial.wait("blocks after the cut", lambda: max(trial.height(host) for host in hosts) > before, 300)
    blocks = time.monotonic() - begun
    for host in hosts:
        trial.wait(f"{host.name} is level", lambda host=host: trial.height(host) > before, 300)
    everybody = time.monotonic() - begun
    kept = [line for one in answered for line in whole_lines(one)]
    for host in hosts:
        lost = host.sh(f"{as_user(_LOOK)}", given="".join(f"{one}\n" for one in kept)).out.split()
        assert not lost, (host.name, lost)
    trial.agree(*hosts)
    trial.tell(
        f"all {len(hosts)} lost power at once: hosts are up after {booted:.1f} s, blocks come after {blocks:.1f} s, "
        f"on every node after {everybody:.1f} s; all {len(kept)} acknowledged transactions are on each"
    )


def give_disks(trial: Trial, hosts: Sequence[Host]) -> None:
    """Give each host a disk that loses at a power cut what was not written through; one host after the other."""
    for host in hosts:
        if host.disk is not None:
            continue
        host.shut_down()
        host.disk = Disk(trial.folder / f"{host.name}.disk", host.root / "var/lib/xinglin")
        host.boot()
        firewall_again(host)
        trial.level(host, next(one for one in hosts if one is not host))


def as_user(program: str) -> str:
    """Return a command that runs a program as the node's user."""
    path, text = "/run/program.$$.py", program.format(home=HOME)
    return f"cat > {path} <<'END'\n{text}END\nchmod 0644 {path}\nrunuser -u xinglin -- /opt/xinglin/bin/python {path}"


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a file but for a last one that was cut short."""
    return path.read_text().split("\n")[:-1]
