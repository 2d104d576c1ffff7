"""``python -m xinglin.node.verify_child HOME CHAIN SCRATCH``: rechecks one chain and prints what it found as JSON.

Run by ``verify.py`` only, so that a store that crashes LMDB ends this process and not the caller's.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.carrier.ledger.recheck import Finding, recheck
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import rules_of


def look_at(home: Path, chain: str, scratch: Path) -> dict[str, Any]:
    """Recheck a chain and return height, entries, app hash and findings as JSON has them.

    Args:
        home: the node's home.
        chain: the chain's id.
        scratch: an empty folder for a second store.
    """
    found: dict[str, Any] = {"height": 0, "entries": 0, "app_hash": ""}
    findings: list[Finding] = []
    try:
        rules = rules_of(stored_genesis(home, chain))
        if rules.chain != chain:
            findings.append(Finding("store.damaged", "genesis", f"The genesis is of chain {rules.chain}, not {chain}."))
        else:
            again = recheck(home, rules, scratch)
            found = {"height": again.height, "entries": again.entries, "app_hash": again.app_hash.hex()}
            findings += again.findings
    except PlatformError as refusal:
        findings.append(Finding(refusal.code, "store", refusal.sentence()))
    return found | {"findings": [asdict(one) for one in findings]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look_at(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))
