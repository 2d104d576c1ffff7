"""Objects are encoded from many threads from the first moment on."""

from __future__ import annotations

import subprocess
import sys

_FIRST_USE_BY_MANY = """
import sys, threading
from msgspec import defstruct
from xinglin.kernel.encoding import ChainObject, encode

sys.setswitchinterval(1e-6)
for turn in range(150):
    inner = defstruct("Inner", [(f"f{n}", int) for n in range(20)], bases=(ChainObject,), frozen=True)
    outer = defstruct("Outer", [(f"f{n}", inner) for n in range(5)], bases=(ChainObject,), frozen=True)
    value = outer(*[inner(*range(20))] * 5)
    start = threading.Barrier(6)
    def work():
        start.wait()
        encode(value)
        encode(value.f0)
    threads = [threading.Thread(target=work) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print("held")
"""


def test_many_threads_may_be_the_first_to_use_a_type() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_USE_BY_MANY], check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr
