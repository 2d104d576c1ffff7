"""A stand-in for a host: namespaces, a root folder with the system's programs and nothing else, a systemd in it.

It has its own network, processes, mounts, host name, users, ``/etc``, ``/var``, ``/opt``, home folders. It sees
``/usr`` of this machine, read only, and no folder of another host. Needs root, ``ip netns`` and cgroup v2.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.network.hosts.disks import Disk

SYSTEMD = Path("/lib/systemd/systemd")
_PROGRAMS = ("ip", "unshare", "nsenter", "pivot_root", "mount", "runuser", "useradd", "systemctl")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK = "10.77.0"
_MASKED = (
    "dbus.service", "dbus.socket", "systemd-logind.service", "getty.target", "systemd-udevd.service",
    "systemd-udev-trigger.service", "systemd-timesyncd.service", "systemd-firstboot.service", "tmp.mount",
)  # fmt: skip
_BOOT_SECONDS = 60.0

_INIT = """
set -e
mount --make-rprivate /
mount --rbind {root} {root}
mount --bind /usr {root}/usr
mount -o remount,ro,bind {root}/usr
mount -t proc proc {root}/proc
mount --bind {root}/proc/sys {root}/proc/sys
mount -o remount,ro,bind {root}/proc/sys
mount --bind /proc/sys/net {root}/proc/sys/net
mount -t sysfs -o ro sysfs {root}/sys
mount -t cgroup2 cgroup2 {root}/sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs {root}/dev
mkdir {root}/dev/pts {root}/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts {root}/dev/pts
mount -t tmpfs -o mode=1777 tmpfs {root}/dev/shm
for node in null zero full random urandom tty; do
  touch {root}/dev/$node; mount --bind /dev/$node {root}/dev/$node
done
touch {root}/dev/console; mount --bind /dev/null {root}/dev/console
ln -s pts/ptmx {root}/dev/ptmx
ln -s /proc/self/fd {root}/dev/fd
mount -t tmpfs -o mode=0755 tmpfs {root}/run
mount -t tmpfs -o mode=1777 tmpfs {root}/tmp
{lent}
hostname {name}
cd {root}
pivot_root . .old
umount -l /.old
mount --make-rshared /
exec env -i PATH={path} container=other {systemd} --unit=multi-user.target --show-status=0 --log-target=journal
"""
_LENT = "mkdir -p {at}; mount --bind {source} {at}; mount -o remount,ro,bind {at}"


def missing() -> str:
    """Return why hosts can't be made here, empty when they can."""
    if os.geteuid() != 0:
        return "separate hosts need root"
    absent = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"separate hosts need the programs {', '.join(absent)}"
    if not SYSTEMD.exists():
        return f"separate hosts need {SYSTEMD}"
    if cgroups() is None:
        return "separate hosts need cgroup v2"
    tried = subprocess.run(["ip", "netns", "add", f"xl{os.getpid()}"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"'ip netns' makes no namespace: {tried.stderr.strip()}"
    _run("ip", "netns", "del", f"xl{os.getpid()}")
    return ""


def cgroups() -> Path | None:
    """Return where cgroup v2 is mounted, None if nowhere."""
    for line in Path("/proc/self/mounts").read_text(encoding="ascii").splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What a command on a host said: status, standard output and error (one stream at a terminal)."""

    status: int
    out: str
    err: str = ""


class CommandFailed(AssertionError):
    """A command on a host ended as it should not."""


class Wire:
    """The bridge between hosts, and what they are called there. Close it; that takes all hosts away.

    Args:
        folder: where the hosts' root folders are made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = f"{os.getpid() % 36**3:x}"
        self.bridge = f"xlb{self.run}"
        self.hosts: dict[str, Host] = {}
        self.names: dict[str, str] = {}
        self._made = 0
        _run("ip", "link", "add", self.bridge, "type", "bridge")
        _run("ip", "link", "set", self.bridge, "up")

    def host(self, name: str, number: int = 0) -> Host:
        """Return a new host, not booted, that others reach as ``NAME.example.org``; ``number``: of one that is gone."""
        self._made += number == 0
        made = Host(self, name, number or self._made)
        self.hosts[name] = made
        self.call(made.called, made.address)
        return made

    def call(self, name: str, address: str) -> None:
        """Let a name mean an address on all hosts from now on; nothing for an empty one."""
        self.names[name] = address
        for host in self.hosts.values():
            host.write_names()

    def close(self) -> None:
        """Take all hosts and the bridge away."""
        for host in self.hosts.values():
            host.remove()
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)


class Host:
    """One host; see the module. ``address`` is its IP on the wire, ``called`` its name there.

    ``lent``: folders of this machine that it sees, read only, by their place there; from the next boot on.
    ``disk``: has a part of its files, and loses at a power cut what was not written through.
    """

    def __init__(self, wire: Wire, name: str, number: int) -> None:
        self.wire, self.name, self.number = wire, name, number
        self.address = f"{_NETWORK}.{number}"
        self.called = f"{name}.example.org"
        self.space = f"xl{wire.run}-{number}"
        self.root = wire.folder / name
        self.lent: dict[str, Path] = {}
        self.disk: Disk | None = None
        self._link = f"xlv{wire.run}{number}"
        self._holder: subprocess.Popen[bytes] | None = None
        self._init = 0
        self._cgroup = (cgroups() or Path("/sys/fs/cgroup")) / self.space
        _run("ip", "netns", "add", self.space)
        _run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        _run("ip", "link", "set", self._link, "master", wire.bridge, "up")
        for words in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):  # fmt: skip
            _run("ip", "-n", self.space, *words)
        self._make_root()

    # --- power ---

    def boot(self) -> None:
        """Start its systemd and wait until it takes commands."""
        self._cgroup.mkdir(exist_ok=True)
        lent = "\n".join(_LENT.format(at=f"{self.root}{at}", source=source) for at, source in self.lent.items())
        script = _INIT.format(root=self.root, name=self.name, path=_PATH, systemd=SYSTEMD, lent=lent)
        begin = (
            f"echo $$ > {self._cgroup}/cgroup.procs && exec ip netns exec {self.space} "
            'unshare --mount --pid --ipc --uts --cgroup --fork --kill-child=KILL -- sh -c "$0"'
        )
        with (self.root.parent / f"{self.name}.boot").open("ab") as log:
            self._holder = subprocess.Popen(
                ["sh", "-c", begin, script], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": _PATH}
            )
        deadline = time.monotonic() + _BOOT_SECONDS
        while not self._up():
            if time.monotonic() > deadline or self._holder.poll() is not None:
                raise AssertionError(f"{self.name} does not boot: {log.name}")
            time.sleep(0.1)

    def lose_power(self) -> None:
        """End all of its processes at once; its disk has what was written through."""
        if self._holder is None:
            return
        self._end()
        if self.disk is not None:
            self.disk.cut()

    def _end(self) -> None:
        assert self._holder is not None
        if self._init:
            with suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)
        else:
            self._holder.kill()
        self._holder.wait(30)
        self._holder, self._init = None, 0

    def shut_down(self) -> None:
        """Stop its services in order, then its processes."""
        assert self._holder is not None
        os.kill(self._init, signal.SIGRTMIN + 3)
        with suppress(subprocess.TimeoutExpired):
            self._holder.wait(120)
        self._end()
        if self.disk is not None:
            self.disk.flush()

    def remove(self) -> None:
        """Take it away, with its disk."""
        if self._holder is not None:
            self._end()
        if self.disk is not None:
            self.disk.close()
            self.disk = None
        subprocess.run(["ip", "netns", "del", self.space], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        with suppress(OSError):
            (self._cgroup / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + 10
        while self._cgroup.exists() and time.monotonic() < deadline:  # its processes may not have ended all yet
            folders = [path for path in self._cgroup.rglob("*") if path.is_dir()]
            for folder in [*sorted(folders, key=lambda path: -len(path.parts)), self._cgroup]:
                with suppress(OSError):
                    folder.rmdir()
            time.sleep(0.05)

    # --- network ---

    def unplug(self) -> None:
        """Take its link down."""
        _run("ip", "link", "set", self._link, "down")

    def plug(self) -> None:
        """Bring its link up."""
        _run("ip", "link", "set", self._link, "up")

    def readdress(self, address: str) -> None:
        """Give it another address instead of its own."""
        _run("ip", "-n", self.space, "addr", "flush", "dev", "eth0")
        _run("ip", "-n", self.space, "addr", "add", f"{address}/24", "dev", "eth0")
        self.address = address

    def write_names(self) -> None:
        """Write ``/etc/hosts``."""
        # Its own name means loopback, as on a new Debian.
        lines = ["127.0.0.1 localhost", f"127.0.1.1 {self.called} {self.name}"]
        lines += [f"{address} {name}" for name, address in self.wire.names.items() if address]
        (self.root / "etc" / "hosts").write_text("\n".join(lines) + "\n")

    # --- commands ---

    def sh(
        self, script: str, *, fails: bool = False, seconds: float = 300.0, folder: str = "/root", given: str = ""
    ) -> Told:
        """Run a script as root would at a shell of it; it may not fail, or has to where ``fails``.

        ``given`` is its standard input.
        """
        command = [*self._inside(), "bash", "-e", "-o", "pipefail", "-c", f"cd {folder}\n{script}"]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
            input=given, env={"PATH": _PATH},
        )  # fmt: skip
        return self._checked(script, Told(done.returncode, done.stdout, done.stderr), fails=fails)

    def begin(self, script: str, out: Path) -> subprocess.Popen[bytes]:
        """Begin a script as root and return it; what it says goes to a file of this machine."""
        with out.open("wb") as said:
            return subprocess.Popen(
                [*self._inside(), "bash", "-e", "-c", f"cd /root\n{script}"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL, env={"PATH": _PATH},
            )  # fmt: skip

    def typed(self, script: str, answers: Sequence[tuple[str, str]], *, seconds: float = 120) -> Told:
        """Run a script at a terminal and type an answer after each prompt."""
        master, slave = pty.openpty()

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        command = [*self._inside(), "bash", "-e", "-c", f"cd /root\n{script}"]
        child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env={"PATH": _PATH},
            preexec_fn=take_terminal,  # noqa: PLW1509  (this program has one thread)
        )  # fmt: skip
        os.close(slave)
        said, left, deadline = "", list(answers), time.monotonic() + seconds
        seen = 0
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    part = os.read(master, 65_536)
                except OSError:
                    break
                if not part:
                    break
                said += part.decode(errors="replace")
            if left and left[0][0] in said[seen:]:
                seen = len(said)
                os.write(master, left.pop(0)[1].encode() + b"\n")
        os.close(master)
        try:
            status = child.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        return self._checked(script, Told(status, said), fails=False)

    def put(self, source: Path, to: str) -> None:
        """Bring a file or folder onto its disk, as a courier would."""
        target = self.root / to.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--no-preserve=ownership", source, target], check=True)

    def get(self, path: str, to: Path) -> None:
        """Take a file or folder from its disk."""
        subprocess.run(["cp", "-a", self.root / path.lstrip("/"), to], check=True)

    def write(self, path: str, text: str) -> None:
        """Write a file on it."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def _inside(self) -> list[str]:
        assert self._init, f"{self.name} is off"
        spaces = ["nsenter", "-t", str(self._init), "-m", "-p", "-n", "-i", "-u", "-C", "--"]
        return [*spaces, "env", "-i", "HOME=/root", f"PATH={_PATH}", "LANG=C.UTF-8", "TERM=dumb"]

    def _checked(self, script: str, told: Told, *, fails: bool) -> Told:
        if (told.status != 0) != fails:
            said = (told.out[-3000:] + told.err[-3000:]).strip()
            raise CommandFailed(f"on {self.name}: {script.strip()}\n  status {told.status}\n{said}")
        return told

    def _up(self) -> bool:
        assert self._holder is not None
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        with suppress(OSError, ValueError, IndexError):
            self._init = int(children.read_text().split()[0])
            if Path(f"/proc/{self._init}/comm").read_text().strip() == "systemd":
                said = subprocess.run(
                    [*self._inside(), "systemctl", "is-system-running"], capture_output=True, text=True, check=False
                )
                return said.stdout.strip() in ("running", "degraded")
        return False

    def _make_root(self) -> None:
        self.root.mkdir(mode=0o755)
        for name in ("usr", "proc", "sys", "dev", "run", "tmp", "opt", "srv", "mnt", "home", ".old",
                     "var/lib", "var/log", "var/cache", "var/tmp", "var/spool", "var/backups"):  # fmt: skip
            (self.root / name).mkdir(parents=True)
        (self.root / "root").mkdir(mode=0o700)
        (self.root / "var" / "tmp").chmod(0o1777)
        (self.root / "var" / "run").symlink_to("/run")
        for name in ("bin", "sbin", "lib", "lib64", "lib32", "libx32"):
            place = Path("/", name)
            if place.is_symlink():
                (self.root / name).symlink_to(place.readlink())
        shutil.copytree("/etc", self.root / "etc", symlinks=True)
        shutil.rmtree(self.root / "etc/systemd/system")
        (self.root / "etc/systemd/system").mkdir()
        for name in _MASKED:
            (self.root / "etc/systemd/system" / name).symlink_to("/dev/null")
        for name, text in (("machine-id", f"{self.number:032x}\n"), ("hostname", f"{self.name}\n")):
            (self.root / "etc" / name).write_text(text)
        self.write_names()


def _run(*words: str, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def blocks(text: str, heading: str) -> list[str]:
    """Return the fenced blocks of a Markdown text under a heading of the second rank."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return re.findall(r"^```[^\n]*\n(.*?)^```", found[1], re.MULTILINE | re.DOTALL)
