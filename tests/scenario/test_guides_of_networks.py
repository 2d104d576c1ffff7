"""The commands of the pages on a consortium run as they stand there: on one machine, then exported."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scenario.test_guides import GUIDES, fenced, follow
from tests.support.engines import needs_engine
from tests.support.ports import free_ports
from xinglin.node.network_tool.folder import open_folder
from xinglin.node.network_tool.processes import engines_of, process_of, stop_processes

pytestmark = needs_engine
PAGES = ("laptop-consortium.md", "separate-hosts.md")
PORT = re.compile("base_port = [0-9]+")


def test_a_consortium_runs_breaks_and_goes_to_separate_hosts_as_the_pages_say(desk: Path) -> None:
    """The English pages; the Chinese ones have the same commands (``TestTwins``)."""
    [members] = fenced("toml", GUIDES / PAGES[0])
    assert [PORT.sub("", text) != text for text in fenced("toml", GUIDES / "zh" / PAGES[0])] == [True]
    (desk / "members.toml").write_text(PORT.sub(f"base_port = {free_ports(16)}", members))
    try:
        said = follow(GUIDES / PAGES[0], desk)
        network = open_folder(desk / "net")
        assert [process_of(node) or engines_of(node, network.chain) for node in network.nodes] == [[]] * 4
    finally:
        if (desk / "net" / "network.toml").is_file():
            network = open_folder(desk / "net")
            stop_processes(network, network.nodes)
    assert len(said) == 5
    made, _, killed, logs, stopped = said.values()
    assert made.splitlines()[-1].startswith("All that answer have one app hash")
    first, second = killed.splitlines()[1], killed.splitlines()[-1]
    assert first.split()[:2] == ["hospital-a", "-"]
    assert second.startswith("1 nodes started, 3 ran already")
    assert "serving" in logs
    assert stopped.startswith("4 nodes stopped")

    # What is done on the hosts themselves is followed there: tests/network/hosts.
    [export] = re.findall(r"^## 2\. Export\n.*?(?=^## )", (GUIDES / PAGES[1]).read_text(), re.MULTILINE | re.DOTALL)
    (desk / "export.md").write_text(export)
    [listed] = follow(desk / "export.md", desk).values()
    assert listed.splitlines()[-6:] == [
        "Dockerfile",
        "README.md",
        "compose.yaml",
        "home",
        "passphrase",
        "xinglin-node.service",
    ]
