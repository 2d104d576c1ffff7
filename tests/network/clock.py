"""The pinned engine with a clock that can be wrong: built for fault tests alone, into a cache folder, never shipped.

``go build -overlay`` gives the compiler another ``types/time/time.go``, whose ``Now`` adds the milliseconds that an
environment variable says. The module's source stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from xinglin.carrier.consensus.comet.binary import VERSION

OFFSET = "XINGLIN_TEST_CLOCK_MS"
"""By how much the clocks of a test node and its engine are ahead, in ms; negative for behind."""
_MODULE = f"github.com/cometbft/cometbft@v{VERSION}"
_NOW = "return Canonical(time.Now())"
_WRONG_NOW = f"""offset, _ := strconv.ParseInt(os.Getenv("{OFFSET}"), 10, 64)
	return Canonical(time.Now().Add(time.Duration(offset) * time.Millisecond))"""


def clock_engine() -> Path:
    """Return the engine, built now if it is not in the cache.

    Raises:
        subprocess.CalledProcessError: there is no source, or it can't be built.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xinglin-tests"
    binary = cache / f"cometbft-{VERSION}-clock"
    if binary.is_file():
        return binary
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        made = _build(Path(scratch))
        made.replace(binary)
    return binary


def may_build() -> bool:
    """Tell whether there is a Go."""
    return shutil.which("go") is not None


def _build(scratch: Path) -> Path:
    said = subprocess.run(["go", "mod", "download", "-json", _MODULE], check=True, capture_output=True, cwd=scratch)
    # A copy: Go lets nothing in its module cache be replaced, not even by an overlay.
    source = scratch / "source"
    shutil.copytree(json.loads(said.stdout)["Dir"], source, copy_function=shutil.copyfile)
    original = source / "types" / "time" / "time.go"
    text = original.read_text(encoding="utf-8")
    assert text.count(_NOW) == 1
    changed = scratch / "time.go"
    changed.write_text(text.replace(_NOW, _WRONG_NOW).replace("import (\n", 'import (\n\t"os"\n\t"strconv"\n', 1))
    overlay = scratch / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(original): str(changed)}}))
    made = scratch / "cometbft"
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-overlay", str(overlay), "-o", str(made)]
    subprocess.run(["go", "build", *options, "./cmd/cometbft"], check=True, capture_output=True, cwd=source)
    return made
