"""The pinned engine with a clock that can be wrong: built for fault tests alone, into a cache folder, never shipped.

``go build -overlay`` gives the compiler another clock, which adds the milliseconds that an environment variable says,
for the times of votes and for what a validator takes as a block's time. The module's source stays as it is.
"""

from __future__ import annotations

import hashlib
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
# In each file, what is written there and what is compiled instead.
_REPLACED = {
    "types/time/time.go": (
        ("import (\n", 'import (\n\t"os"\n\t"strconv"\n'),
        (
            "return Canonical(time.Now())",
            f'offset, _ := strconv.ParseInt(os.Getenv("{OFFSET}"), 10, 64)\n'
            "\treturn Canonical(time.Now().Add(time.Duration(offset) * time.Millisecond))",
        ),
    ),
    "state/validation.go": (
        ("import (\n", 'import (\n\tcmttime "github.com/cometbft/cometbft/types/time"\n'),
        ("!block.Time.Before(time.Now()", "!block.Time.Before(cmttime.Now()"),
        ("block.Time, time.Now(), tol", "block.Time, cmttime.Now(), tol"),
    ),
}


def clock_engine() -> Path:
    """Return the engine, built now if it is not in the cache.

    Raises:
        subprocess.CalledProcessError: there is no source, or it can't be built.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xinglin-tests"
    binary = cache / f"cometbft-{VERSION}-clock-{hashlib.sha256(repr(_REPLACED).encode()).hexdigest()[:8]}"
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
    overlay = {}
    for number, (name, changes) in enumerate(_REPLACED.items()):
        text = (source / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{name} of {VERSION} has not one {old!r}"
            text = text.replace(old, new)
        changed = scratch / f"{number}.go"
        changed.write_text(text)
        overlay[str(source / name)] = str(changed)
    (scratch / "overlay.json").write_text(json.dumps({"Replace": overlay}))
    made = scratch / "cometbft"
    options = [
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-overlay",
        str(scratch / "overlay.json"),
        "-o",
        str(made),
    ]
    subprocess.run(["go", "build", *options, "./cmd/cometbft"], check=True, capture_output=True, cwd=source)
    return made
