"""First chapter: the founders' homes are made on one machine, used, exported, brought to hosts of their own."""

from __future__ import annotations

import re
from pathlib import Path

from tests.network.hosts.machine import Host, blocks
from tests.network.hosts.trial import FOUNDERS, GUIDE, Trial
from tests.support.product import some_bundles
from xinglin.node.network_tool.units import HostPlan, readme_text

LAPTOP = "cd /srv\nexport PATH=/opt/xinglin/bin:$PATH XINGLIN_ENGINE=/opt/xinglin/engine/cometbft\n"
_LOAD = """
from pathlib import Path
from xinglin.carrier.access.registry.model import NAMESPACE, AddNode, NodeState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.remote.served import ServedHome
from xinglin.settings import load_settings
home = Path("{home}")
served = ServedHome(home)
own = decode(NodeState, served.value(state_key(NAMESPACE, "node", load_settings(home).node)))
for _ in range({count}):
    served.call(NAMESPACE, "add_node", AddNode(identifier(random_bytes(16)), own.sealing_key), "administrator")
"""


def found(trial: Trial) -> dict[str, Host]:
    """Make a network on a laptop, put transactions on it, export it; return the hosts that have its packages."""
    trial.make_software()
    trial.tell("software made")
    laptop = trial.new_host("laptop")
    commands = blocks(readme_text(HostPlan("laptop", "laptop", {})), "With systemd")[0]
    laptop.sh(commands.partition("useradd")[0], folder="/srv/package")
    page = (GUIDE / "laptop-consortium.md").read_text(encoding="utf-8")
    [members] = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    laptop.write("/srv/members.toml", members)
    create, *up_and_look = blocks(page, "2. Make it and start it")[0].splitlines(keepends=True)
    laptop.sh(LAPTOP + create)
    trial.tell("network created")
    take_records_in(trial, laptop)
    laptop.sh(LAPTOP + "".join(up_and_look))
    laptop.sh(LAPTOP + blocks(page, "3. Use it")[0])
    put_transactions(laptop, "/srv/net/hospital-a", 20)
    laptop.sh(LAPTOP + blocks(page, "5. Stop it")[0])
    trial.tell("network used and stopped")
    [export] = trial.page("separate-hosts.md", "2. Export")
    laptop.sh(LAPTOP + export)
    refused = laptop.sh(LAPTOP + "xinglin network up --folder net", fails=True)
    assert "network.left" in refused.err, refused
    laptop.get("/srv/packages", trial.packages)
    laptop.remove()
    del trial.wire.hosts["laptop"]
    trial.tell("network exported")
    return {name: bring(trial, name) for name in FOUNDERS}


def take_records_in(trial: Trial, laptop: Host) -> None:
    """Take two patients' records in at hospital A, with all homes opened together."""
    bundles = trial.folder / "bundles"
    laptop.sh("mkdir /srv/bundles")
    for bundle in some_bundles(bundles, 2):
        laptop.put(Path(bundle), "/srv/bundles/")
    others = " ".join(f"--with net/{name}" for name in FOUNDERS[1:])
    laptop.sh(LAPTOP + f"xinglin record intake --home net/hospital-a bundles {others} --passphrase-file net/passphrase")


def put_transactions(host: Host, home: str, count: int, user: str = "root") -> None:
    """Have a running node sign and submit calls, one after the other."""

    script = _LOAD.format(home=home, count=count)
    host.sh(f"runuser -u {user} -- /opt/xinglin/bin/python - <<'END'\n{script}END")


def bring(trial: Trial, name: str) -> Host:
    """Bring a package to a new host, that has nothing else."""
    host = trial.new_host(name)
    for path in sorted((trial.packages / name).iterdir()):
        host.put(path, f"/srv/package/{path.name}")
    return host
