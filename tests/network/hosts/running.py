"""Second chapter: nodes are installed as their README says, begin with three of four, bear what hosts do to them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from tests.network.hosts.founding import put_transactions
from tests.network.hosts.machine import Host, blocks
from tests.network.hosts.trial import HOME, Trial, fetched, reachable, word

P2P, RPC, LISTEN, METRICS = 26_656, 26_657, 7_700, 7_701


def start(trial: Trial, hosts: Mapping[str, Host]) -> None:
    """Start three of four: blocks begin and are cosigned. Then the fourth catches up."""
    *first, last = hosts.values()
    for host in hosts.values():
        prepare(trial, host)
    for host in first:
        trial.install(host)
        trial.tell(f"{host.name} installed")
    took = max(trial.grows(host) for host in first)
    trial.tell(f"blocks with three of four, {took:.1f} s after the third")
    trial.tell(f"a quorum of cosignatures with three of four, {trial.cosigned(*first):.1f} s")
    trial.install(last)
    trial.level(last, first[0])
    trial.agree(*hosts.values())
    for host in hosts.values():
        check_bounds(host)
    trial.tell("four nodes agree; the unit holds each in its bounds")


def prepare(trial: Trial, host: Host) -> None:
    """Have a host's system give up dead connections soon, as the page says."""
    [commands] = trial.page("separate-hosts.md", "4. Set clock and network right")
    host.sh(commands)
    assert host.sh("sysctl -n net.ipv4.tcp_retries2").out.strip() == "5"


def check_bounds(host: Host) -> None:
    """Compare what the process of a node is with what its unit says."""
    pid = host.sh("systemctl show -P MainPID xinglin-node.service").out.strip()
    status = dict(line.split(":\t", 1) for line in host.sh(f"cat /proc/{pid}/status").out.splitlines() if ":\t" in line)
    user = host.sh("id -u xinglin").out.strip()
    assert set(status["Uid"].split()) == {user}, status["Uid"]
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == ("1", "2", "0077")
    inside = f"nsenter -t {pid} -m -- runuser -u xinglin --"
    for place in ("/etc/x", "/usr/x", "/var/lib/xinglin/x", "/opt/xinglin/x", "/var/log/x"):
        host.sh(f"{inside} touch {place}", fails=True)
    host.sh(f"{inside} touch {HOME}/x && rm {HOME}/x")
    host.sh(f"{inside} cat /var/lib/xinglin/passphrase", fails=True)
    assert host.sh(f"find {HOME} ! -user xinglin -print").out == ""
    assert host.sh(f"stat -c %a:%U {HOME} {HOME}/keys {HOME}/node.sock").out.split() == [
        "700:xinglin", "700:xinglin", "600:xinglin",
    ]  # fmt: skip


def firewall(trial: Trial, hosts: Mapping[str, Host]) -> None:
    """Drop everything that the page does not let in; all goes on."""
    [rules] = trial.page("separate-hosts.md", "3. Open the firewall")
    for host in hosts.values():
        host.write("/etc/nftables.conf", rules.replace("192.0.2.0/24", "10.77.0.0/24"))
        host.sh("nft -f /etc/nftables.conf")
    one, other = list(hosts.values())[:2]
    found = {port: reachable(one, other.address, port) for port in (P2P, RPC, LISTEN, METRICS)}
    assert found == {P2P: True, RPC: False, LISTEN: True, METRICS: False}, found
    other.sh("/opt/xinglin/bin/python -m http.server 9000 >/dev/null 2>&1 & sleep 1; echo $! > /run/other.pid")
    assert not reachable(one, other.address, 9000)
    other.sh("kill $(cat /run/other.pid)")
    look(trial, hosts)
    trial.tell(f"all goes on behind the firewall; a quorum of cosignatures in {trial.cosigned():.1f} s")


def look(trial: Trial, hosts: Mapping[str, Host]) -> None:
    """Give the commands of the page and of the README on each host; ask for health and figures on loopback."""
    commands = trial.page("separate-hosts.md", "5. Start")[0]
    for host in hosts.values():
        host.sh(commands)
        readme = (host.root / "srv/package/README.md").read_text(encoding="utf-8")
        host.sh(blocks(readme, "Commands")[0])
        links = trial.said(host, "engine links")["links"]
        assert len(links) >= len(hosts) - 1, links
        trial.wait(f"links of {host.name}", lambda host=host: healthy(trial, host, len(hosts) - 1), 180)
        assert '"alive":true' in fetched(host, "http://127.0.0.1:7701/health").replace(" ", "")
        assert trial.figures(host)["xinglin_ready"] == 1


def healthy(trial: Trial, host: Host, others: int) -> bool:
    """Tell whether a node reaches so many others' engines and listeners, without an alarm."""
    links = trial.said(host, "engine links")["links"]
    good = [one for one in links if one["engine"] and one["round_trip_ms"] is not None and not one["alarms"]]
    return len(good) == others == len(links)


def linked(trial: Trial, host: Host) -> int:
    """Return to how many others' engines a host's is connected."""
    return sum(one["engine"] is not None for one in trial.said(host, "engine links")["links"])


def restart(trial: Trial, host: Host, other: Host) -> None:
    """Shut a host down in order and start it, then take its power: its node starts by itself and catches up."""
    host.shut_down()
    put_transactions(other, HOME, 5, "xinglin")
    host.boot()
    firewall_again(host)
    took = trial.level(host, other)
    trial.tell(f"{host.name} shut down and started: level again in {took:.1f} s")
    host.lose_power()
    put_transactions(other, HOME, 5, "xinglin")
    host.boot()
    firewall_again(host)
    took = trial.level(host, other)
    trial.agree()
    trial.tell(f"{host.name} lost power and started: level again in {took:.1f} s")


def firewall_again(host: Host) -> None:
    """Load the rules as nftables.service does; the network namespace outlived the host's processes."""
    if (host.root / "etc/nftables.conf").exists():
        host.sh("nft -f /etc/nftables.conf")


def cut(trial: Trial, host: Host, seconds: float) -> None:
    """Take a host's link down for so long: the others go on, it says that it is stale; after that it is level again."""
    others = [one for one in trial.hosts() if one is not host]
    before = trial.height(host)
    host.unplug()
    put_transactions(others[0], HOME, 10, "xinglin")
    trial.wait("the node calls itself stale", lambda: trial.figures(host)["xinglin_stale"] == 1)
    host.sh(f"sleep {seconds}", seconds=seconds + 60)
    assert trial.height(host) <= before + 2
    trial.grows(others[0])
    trial.cosigned(*others)
    host.plug()
    took = trial.level(host, others[0])
    trial.wait("its links", lambda: healthy(trial, host, len(others)), 180)
    trial.agree()
    trial.tell(f"{host.name} cut off for {seconds:.0f} s and back: level again in {took:.1f} s")


def move(trial: Trial, host: Host, others: list[Host]) -> None:
    """Give a host another name and address, as the page says; its old name means nothing any more."""
    here, there = trial.page("separate-hosts.md", "8. When an address changes")
    old, host.called = host.called, "new.example.org"
    begun = time.monotonic()
    trial.wire.call(old, "")
    host.readdress("10.77.0.99")
    trial.wire.call(host.called, host.address)
    host.sh("systemctl restart xinglin-node")
    trial.level(host, others[0], 150)
    level = time.monotonic() - begun
    trial.wait("its engine is linked", lambda: linked(trial, host) > len(others) // 2, 150)
    most = time.monotonic() - begun
    host.sh(word(here, HOST=host.called))
    for other in others:
        other.sh(word(there, OLD=old, NEW=host.called))
    trial.grows(others[0])
    for one in (host, *others):
        trial.wait(f"links of {one.name}", lambda one=one: healthy(trial, one, len(others)), 120)
    trial.agree()
    trial.tell(f"{host.name} moved: level again after {level:.1f} s, linked to most engines after {most:.1f} s")


def forget_names(trial: Trial, hosts: Sequence[Host]) -> None:
    """Start all nodes while no name means anything, as after a power failure: when names are back, blocks come."""
    for host in hosts:
        host.write("/etc/hosts", "127.0.0.1 localhost\n")
    for host in hosts:
        host.sh("systemctl restart xinglin-node")
    for host in hosts:
        trial.wait(f"{host.name} is back", lambda host=host: trial.height(host) > 0)
    before = trial.height(hosts[0])
    hosts[0].sh("sleep 15")
    assert trial.height(hosts[0]) <= before + 1
    for host in hosts:
        host.write_names()
    trial.tell(f"names are back: blocks in {trial.grows(hosts[0], 180):.1f} s")
    trial.agree(*hosts)
