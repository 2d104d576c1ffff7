"""Fourth chapter: a TLS proxy before each node's listener; nodes and commands go through it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence

from tests.network.hosts.machine import Host
from tests.network.hosts.running import firewall_again, healthy
from tests.network.hosts.trial import HOME, PROMPT, RUN, Trial, reachable
from tests.support.certificates import make_authority, make_certificate
from xinglin.node.network_tool.units import LISTEN_PORT

TLS_PORT = 7743
# Where there is no nginx: what is said through the TLS socket goes to the listener, byte by byte.
_STANDIN = """
import asyncio, ssl
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("/etc/xinglin/node.pem", "/etc/xinglin/node.key")
async def pump(source, sink):
    while part := await source.read(65536):
        sink.write(part)
        await sink.drain()
    sink.close()
async def answer(reader, writer):
    inner, outer = await asyncio.open_connection("127.0.0.1", 7700)
    await asyncio.gather(pump(reader, outer), pump(inner, writer), return_exceptions=True)
async def main():
    server = await asyncio.start_server(answer, "0.0.0.0", 7743, ssl=context)
    await server.serve_forever()
asyncio.run(main())
"""
_UNIT = "[Service]\nExecStart=/opt/xinglin/bin/python /srv/standin.py\n"


def encrypt(trial: Trial, hosts: Sequence[Host]) -> None:
    """Put a proxy before every node, as the page says; all goes on, and nothing on the wire is in clear."""
    proxy, settings = trial.page("separate-hosts.md", "6. Encrypt what members and clients say")
    authority = make_authority(trial.folder)
    with_nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin") is not None
    for host in hosts:
        certificate, key = make_certificate(authority, host.called)
        host.sh("mkdir -p /etc/xinglin")
        for path, name in ((certificate, "node.pem"), (key, "node.key"), (authority, "ca.pem")):
            host.put(path, f"/etc/xinglin/{name}")
        host.sh("chmod 0600 /etc/xinglin/node.key; chmod 0644 /etc/xinglin/*.pem")
        begin_proxy(host, proxy, with_nginx=with_nginx)
    for host in hosts:
        others = [f"https://{one.called}:{TLS_PORT}" for one in hosts if one is not host]
        write_settings(host, settings, others)
        rules = host.root / "etc/nftables.conf"
        if rules.exists():
            rules.write_text(rules.read_text().replace(f", {LISTEN_PORT} }}", f", {TLS_PORT} }}"))
            firewall_again(host)
        host.sh("systemctl restart xinglin-node")
        trial.wait(f"{host.name} is back", lambda host=host: trial.height(host) > 0)
    for host in hosts:
        trial.wait(f"links of {host.name}", lambda host=host: healthy(trial, host, len(hosts) - 1), 120)
        links = trial.said(host, "engine links")["links"]
        assert all(one["address"].startswith("https://") for one in links), links
    assert not reachable(hosts[0], hosts[1].address, LISTEN_PORT)
    took = trial.cosigned(*hosts)
    trial.tell(f"{'nginx' if with_nginx else 'a stand-in'} before each node: a quorum of cosignatures in {took:.1f} s")
    refuse_others(trial, hosts[0])
    ask_by_command(trial, hosts[1], hosts[0])


def begin_proxy(host: Host, config: str, *, with_nginx: bool) -> None:
    """Run nginx with the page's file, or what stands in for it."""
    if with_nginx:
        host.write("/etc/nginx/conf.d/xinglin.conf", config)
        host.sh("mkdir -p /var/log/nginx /var/lib/nginx && rm -f /etc/nginx/sites-enabled/default && nginx -t")
        host.sh("systemctl restart nginx")
        return
    host.write("/srv/standin.py", _STANDIN)
    host.write("/etc/systemd/system/standin.service", _UNIT)
    host.sh("systemctl daemon-reload && systemctl restart standin")


def write_settings(host: Host, settings: str, others: list[str]) -> None:
    """Write the page's lines into the section of the listener, in place of those that are there."""
    lines = re.sub(r"^members = .*$", f"members = {json.dumps(others)}", settings, flags=re.MULTILINE)
    config = host.root / HOME.lstrip("/") / "config.toml"
    names = [line.partition(" ")[0] for line in lines.splitlines()]
    kept = [line for line in config.read_text().splitlines() if line.partition(" ")[0] not in names]
    at = kept.index("[listener]") + 1
    config.write_text("\n".join([*kept[:at], *lines.splitlines(), *kept[at:]]) + "\n")


def refuse_others(trial: Trial, host: Host) -> None:
    """Let a node believe no authority but another: it reaches nobody, says why, and makes blocks all the same."""
    other = make_authority(trial.folder, "other")
    host.get("/etc/xinglin/ca.pem", trial.folder / "right.pem")
    host.put(other, "/etc/xinglin/ca.pem")
    host.sh("systemctl restart xinglin-node")
    trial.wait("it is back", lambda: trial.height(host) > 0)

    def refused() -> bool:
        links = trial.said(host, "engine links")["links"]
        return all(one["code"] == "node.unreached" for one in links if one["address"])

    trial.wait("certificates are refused", refused)
    trial.grows(host)
    host.put(trial.folder / "right.pem", "/etc/xinglin/ca.pem")
    host.sh("systemctl restart xinglin-node")
    trial.wait("it is back", lambda: trial.height(host) > 0)
    trial.cosigned(host)
    trial.tell("certificates of another authority are refused")


def ask_by_command(trial: Trial, host: Host, other: Host) -> None:
    """Register a stopped node's new engine key by a command, through another's proxy."""
    host.sh("systemctl stop xinglin-node")
    asking = f"{RUN} member validate --home {HOME} --node https://{other.called}:{TLS_PORT}"
    host.typed(f"{asking} --ca-file /etc/xinglin/ca.pem", [(PROMPT, trial.passphrase(host))])
    host.sh("systemctl start xinglin-node")
    took = trial.level(host, other)
    trial.agree(host, other)
    trial.tell(f"an engine key was registered through the proxy: level again in {took:.1f} s")
