"""Runs the engine as a child: starts it, watches it, starts it again when it dies, stops it in order (D7, S6.1b).

A node that is killed leaves its engine behind for a moment: CometBFT ends by itself when its application's socket
closes, and whatever engine still runs in a home is stopped before another starts there. The child isn't tied to its
parent by the system (``PR_SET_PDEATHSIG``): that signal follows the thread that made the child, not the process. Its
databases are locked, so two never run in one home.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xinglin.carrier.consensus.comet.errors import EngineNotReady
from xinglin.carrier.consensus.comet.files import EngineHome, identity
from xinglin.carrier.consensus.comet.log import EngineLog, News
from xinglin.carrier.consensus.comet.rpc import EngineRpc, EngineStatus
from xinglin.carrier.consensus.comet.stale import stop_strays
from xinglin.carrier.crypto.files import write_durably
from xinglin.kernel.errors import PlatformError

STOP_SECONDS = 10.0
"""How long an engine may take to end before it is killed."""
DAMAGED_ENDS = 3
"""How often in a row an engine ends over its data before they are taken for damaged."""
_LOOK_SECONDS = 0.5
# What an operator may set of Go's runtime; nothing else of the environment reaches the engine, least of all CMT_.
_PASSED_ON = ("GOGC", "GOMAXPROCS", "GOMEMLIMIT")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a dead engine is started again: after ``first`` seconds, each time twice as long, at most ``longest``.

    After ``healthy`` seconds of answers it begins anew with ``first``. An engine that runs and has answered, but not
    for ``silent`` seconds, is stopped and counts as dead; until its first answer it may take any time to catch up.
    """

    first: float = 0.5
    longest: float = 30.0
    healthy: float = 30.0
    silent: float = 60.0

    def delay(self, failures: int) -> float:
        """Return the seconds to wait before a start, after so many failures in a row."""
        return float(min(self.longest, self.first * 2 ** min(max(0, failures - 1), 30)))


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What people need to know of an engine.

    ``pid``: its process, None while none runs. ``answers``: whether its last look was answered. ``restarts``: how often
    it was started again. ``last_exit``: status of the last one that ended, negative the signal, None if none has.
    ``failure``: the line in which it said that it takes no more part in consensus, empty if it has not since its start.
    ``damage``: what it said of its own data when it ended, several times in a row, else empty; starting it again is of
    no use then. ``lines``: the last of its log.
    """

    pid: int | None
    answers: bool
    restarts: int
    last_exit: int | None
    failure: str
    damage: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class _Watched:
    """What the watching thread keeps."""

    child: subprocess.Popen[bytes] | None = None
    answers: bool = False
    restarts: int = 0
    last_exit: int | None = None
    failures: int = 0
    failure: str = ""
    damage: str = ""
    damaged: int = 0
    healthy_since: float | None = None
    answered: float | None = None
    doubled: dict[bytes, float] = field(default_factory=dict)


class EngineProcess:
    """One engine under supervision. Methods may be called from any thread.

    Args:
        home: its folder, with files that ``files`` wrote.
        binary: as ``find_engine`` returns it.
        rpc_address: ``host:port`` of its RPC, as in its settings.
        policy: when it is started again.
        arguments: more arguments for ``cometbft start``; for tests.
        given_up: asked when it has died: True when starting it again is of no use, and then it stays ended.

    Raises:
        EngineFileDamaged: a key is not there, or not whole.
        EngineSigningStateLost: the validator's key is there without its state of signing.
    """

    def __init__(
        self,
        home: EngineHome,
        binary: Path,
        rpc_address: str,
        policy: RestartPolicy | None = None,
        arguments: Sequence[str] = (),
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.home = home
        self._peer = identity(home).peer
        self._command = [str(binary), "start", "--home", str(home.folder), *arguments]
        self._address = rpc_address
        self._policy = policy or RestartPolicy()
        self._given_up = given_up
        self._log = EngineLog(home.log)
        self._state = _Watched()
        self._lock = threading.Lock()  # guards _state and the child
        self._order = threading.Lock()  # one start, stop or restart at a time
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Stop whatever engine runs in this home, start one and watch it. Nothing if it is watched already.

        The application's socket should be there before: CometBFT looks for it every 3 s only.

        Raises:
            EngineHomeInUse: an engine runs there that can't be stopped.
        """
        with self._order:
            if self._thread is not None:
                return
            stop_strays(self.home.folder, STOP_SECONDS)
            self._end.clear()
            with self._lock:
                self._state = _Watched(restarts=self._state.restarts, last_exit=self._state.last_exit)
            self._spawn()
            self._thread = threading.Thread(target=self._watch, name="engine", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the engine in order: ask it, wait so many seconds, kill it. Nothing if none is watched."""
        with self._order:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._end.set()
            thread.join()
            self._finish(seconds)
            self.home.pid.unlink(missing_ok=True)

    def restart(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the engine in order and start it, as after its peers changed; raises as ``start``."""
        self.stop(seconds)
        self.start()

    def report(self) -> EngineReport:
        """Return what people need to know of it."""
        with self._lock:
            state = self._state
            running = state.child is not None and state.child.poll() is None
            return EngineReport(
                state.child.pid if state.child is not None and running else None,
                state.answers and running,
                state.restarts,
                state.last_exit,
                state.failure,
                state.damage if state.damaged >= DAMAGED_ENDS else "",
                self._log.tail(),
            )

    def doubled(self) -> Mapping[bytes, float]:
        """Return when, by the monotonic clock, the engine last refused peers since it had a connection with them."""
        with self._lock:
            return dict(self._state.doubled)

    def wait_ready(self, seconds: float, condition: Callable[[EngineStatus], bool] | None = None) -> EngineStatus:
        """Wait until the engine answers, and, if given, until a condition holds of its status, which is returned.

        Raises:
            EngineNotReady: it does not within so many seconds, or it is not watched.
        """
        deadline = time.monotonic() + seconds
        with EngineRpc(self._address, timeout=5.0) as rpc:
            while self._thread is not None:
                status = self._ask(rpc)
                if status is not None and (condition is None or condition(status)):
                    return status
                if time.monotonic() >= deadline:
                    break
                time.sleep(0.05)
        found = self.report()
        log = found.failure or (found.lines[-1] if found.lines else "-")
        last = "-" if found.last_exit is None else found.last_exit
        raise EngineNotReady(home=str(self.home.folder), seconds=round(seconds), status=last, log=log[:300].rstrip("."))

    def _ask(self, rpc: EngineRpc) -> EngineStatus | None:
        """Return the engine's status; None if it gives none, or if another engine has its port."""
        try:
            status = rpc.status()
        except PlatformError:
            return None
        return status if status.peer == self._peer else None

    def _spawn(self) -> None:
        """Start a child; its own session, so that Ctrl-C at a terminal does not end it before its node."""
        environment = {"PATH": os.defpath, "HOME": str(self.home.folder)}
        environment |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with self._log.opened() as log:
            child = subprocess.Popen(  # noqa: S603  (the binary whose version was checked)
                self._command,
                cwd=self.home.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with self._lock:
            self._state.child = child
            self._state.answers = False
            self._state.failure = ""
            self._state.healthy_since = None
            self._state.answered = None
            self._state.doubled = {}
        with contextlib.suppress(OSError):  # it is for people; an engine is found without it
            write_durably(self.home.pid, f"{child.pid}\n".encode())

    def _watch(self) -> None:
        """Look at the child until it is to end; start it again when it has died."""
        with EngineRpc(self._address, timeout=5.0) as rpc:
            while not self._end.wait(_LOOK_SECONDS):
                if self._alive():
                    self._look(rpc)
                    continue
                rpc.close()
                damage = self._damage()
                with self._lock:
                    self._state.damaged = self._state.damaged + 1 if damage else 0
                    self._state.damage = damage
                    self._state.failures += 1
                    delay = self._policy.delay(self._state.failures)
                if self._given_up() or self._end.wait(delay):
                    return
                self._start_again()

    def _damage(self) -> str:
        """Return what an engine that has ended said of its data."""
        with contextlib.suppress(OSError):  # a full disk says nothing of them
            return self._log.damage()
        return ""

    def _start_again(self) -> None:
        """Start the next child; what the system refuses counts as one that died."""
        with contextlib.suppress(OSError, PlatformError):
            stop_strays(self.home.folder, STOP_SECONDS)
            self._spawn()
        with self._lock:
            self._state.restarts += 1

    def _alive(self) -> bool:
        """Tell whether the child runs; note how it ended if not."""
        with self._lock:
            state = self._state
            if state.child is None:
                return False
            ended = state.child.poll()
            if ended is None:
                return True
            state.child, state.answers, state.last_exit = None, False, ended
        return False

    def _look(self, rpc: EngineRpc) -> None:
        """See whether it answers and what it says; stop it if it takes no more part or is silent too long."""
        news = News("", frozenset())
        with contextlib.suppress(OSError):  # a full disk is no reason to stop watching
            news = self._log.news()
            self._log.rotate()
        answers = self._ask(rpc) is not None
        now = time.monotonic()
        with self._lock:
            state = self._state
            state.answers, state.failure = answers, news.failure or state.failure
            state.doubled |= dict.fromkeys(news.doubled, now)
            state.answered = now if answers else state.answered
            state.healthy_since = (state.healthy_since or now) if answers else None
            if state.healthy_since is not None and now - state.healthy_since >= self._policy.healthy:
                state.failures = 0
            silent = state.answered is not None and now - state.answered >= self._policy.silent
        if news.failure or silent:
            self._finish(STOP_SECONDS)

    def _finish(self, seconds: float) -> None:
        """End the child that runs, if one does: SIGTERM, then SIGKILL."""
        with self._lock:
            child = self._state.child
        if child is None:
            return
        child.terminate()
        try:
            ended = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            ended = child.wait()
        with self._lock:
            self._state.child, self._state.answers, self._state.last_exit = None, False, ended
