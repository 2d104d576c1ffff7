"""``python -m tests.support.access_child HOME``: logs access entries from several threads, tells each that is durable.

A line for each entry that the log has answered: log index, item, entry hash, record. It goes on until it is killed.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from tests.support.access import entry
from tests.support.product import opened
from xinglin.node.chains import SystemClock
from xinglin.node.records.access import access_log

THREADS = 6
RECORDS = [bytes([number]) * 32 for number in range(1, 8)]


def main(home: Path) -> None:
    """Log until killed."""
    with opened(home, running=True) as node, access_log(node) as log:

        def work() -> None:
            while True:
                made = entry(commitment=RECORDS[os.urandom(1)[0] % len(RECORDS)], time=SystemClock().now_ms())
                place = log.log(made)
                line = f"{place.index} {place.item} {place.entry.hex()} {made.commitment.hex()}\n"
                os.write(1, line.encode())  # one write a line: lines of threads don't mix, and none waits in a buffer

        threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
