"""``python -m xinglin.node.genesis_child HOME CHAIN``: prints the genesis that a chain's store has, in hex.

Run by ``rebuilding.py`` only: a store that crashes LMDB ends this process and not the caller's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.kernel.encoding import pack

if __name__ == "__main__":
    sys.stdout.write(pack(stored_genesis(Path(sys.argv[1]), sys.argv[2])).hex())
