"""The worked example of docs/spec/state-tree.md is what the code gives."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.kernel.encoding import state_key

PAGE = REPOSITORY / "docs" / "spec" / "state-tree.md"


def example(gm: Suite) -> dict[str, str]:
    """Return the example's names and hexadecimal values, in the page's order."""
    keys = {name: state_key("example", name) for name in "abcde"}
    shown = {f"key {name}": key for name, key in keys.items()}
    shown |= {f"kh {name}": gm.hash(key) for name, key in keys.items()}
    present = {name: b"value of %s" % name.encode() for name in "acd"}
    shown |= {f"vh {name}": gm.hash(value) for name, value in present.items()}
    leaves = {name: gm.hash(b"\x00" + shown[f"kh {name}"] + shown[f"vh {name}"]) for name in present}
    shown |= {f"leaf {name}": leaf for name, leaf in leaves.items()}
    shown["node 3"] = gm.hash(b"\x01" + leaves["c"] + leaves["a"])
    shown["node 2"] = gm.hash(b"\x01" + bytes(32) + shown["node 3"])
    shown["node 1"] = gm.hash(b"\x01" + shown["node 2"] + bytes(32))
    shown["root"] = gm.hash(b"\x01" + leaves["d"] + shown["node 1"])
    tree = NativeTree(gm)
    khs, vhs = ([shown[f"{kind} {name}"] for name in present] for kind in ("kh", "vh"))
    version = tree.update(tree.empty(), khs, vhs)
    assert tree.root(version) == shown["root"]
    shown |= {
        f"proof {name}": proof
        for name, proof in zip("aeb", tree.prove_many(version, [shown[f"kh {name}"] for name in "aeb"]), strict=True)
    }
    return {name: value.hex() for name, value in shown.items()}


def test_the_page_shows_what_the_code_gives() -> None:
    block = re.search(r"```text\n(key a .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    lines = re.sub(r"\n {4,}", "", block[1]).strip().splitlines()
    assert dict(line.split(" = ") for line in lines) == example(suite("gm"))
