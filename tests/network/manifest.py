"""What a fault test is: nodes, load, perturbations and expectations with their times, and what must hold at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=7200)]
Do = Literal[
    "kill",  # SIGKILL to nodes; their engines end by themselves
    "kill_engine",  # SIGKILL to the engines of nodes, which the nodes start again
    "stop",  # SIGTERM to nodes
    "start",  # start nodes, with another fault if one is named
    "alternate",  # kill node and engine alternately, at random moments, `times` times
    "split",  # cut all connections between `groups`
    "heal",  # let them through again
    "corrupt",  # flip bytes in the database file of stopped nodes
    "refuses",  # start nodes, which end at once with `code`
    "twin",  # run a second process with the validator key of a node
    "progress",  # heights of nodes grow, `blocks` of them within `seconds`
    "stands",  # no height grows for `seconds`
    "refused",  # nodes refuse what is handed in with `code`, within `seconds`
    "later_round",  # a block was decided in a later round than the first, within `seconds`
    "evidence",  # nodes keep evidence against the member of `against`, both votes with it, within `seconds`
    "true_time",  # block time is at most `seconds` off, within as many
    "idle",  # no node runs for `seconds` of everybody's clock; what was signed before is refused with `code` after
    "wait",  # nothing, for `seconds`
]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One perturbation or expectation; it begins ``at`` seconds after the load did, or when the one before has ended.

    ``nodes``: by name; for expectations all that run and are honest, where none is named.
    """

    do: Do
    at: Seconds = 0.0
    nodes: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    seconds: Seconds = 60.0
    times: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 4
    blocks: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 3
    code: str = ""
    fault: str | None = None
    against: str = ""


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed transactions, so many a second through each of the nodes; clients of ``switching`` try the others too."""

    through: tuple[str, ...] = ()
    per_second: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 5.0
    switching: bool = False
    patience: Seconds = 90.0


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must hold at the end, beside what always must.

    ``acknowledged``: so many transactions at least, through each node of the load. ``left_out``: nodes whose proposals
    hold nothing of others. ``undecided``: nodes whose proposals were never decided. ``lost_homes``: nodes whose homes
    can't be read any more.
    """

    acknowledged: Annotated[int, msgspec.Meta(ge=1)] = 5
    left_out: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    lost_homes: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault test.

    ``faults``: nodes that are no honest ones, and what they do (``bad_node.FAULTS``, ``clock:MS``).

    ``founded_before``: how many seconds before the test the chain was founded: no engine starts before that time.
    """

    about: str
    nodes: tuple[str, ...] = ("a", "b", "c", "d")
    faults: dict[str, str] = {}
    lenient: tuple[str, ...] = ()
    proxies: bool = False
    founded_before: Seconds = 0.0
    load: Load = Load()
    step: tuple[Step, ...] = ()
    expect: Expect = Expect()

    @property
    def honest(self) -> tuple[str, ...]:
        """Nodes whose word counts; a slow or full disk does not make a node dishonest (``lenient``)."""
        return tuple(name for name in self.nodes if name not in self.faults or name in self.lenient)


def read_manifest(path: Path) -> Manifest:
    """Return a manifest.

    Raises:
        ValueError: it is not in form, or names a node that it does not have.
    """
    manifest = msgspec.toml.decode(path.read_bytes(), type=Manifest)
    named = {
        *manifest.faults,
        *manifest.load.through,
        *manifest.expect.left_out,
        *manifest.expect.undecided,
        *manifest.expect.lost_homes,
    }
    for step in manifest.step:
        named |= {*step.nodes, *(name for group in step.groups for name in group), *filter(None, [step.against])}
    unknown = named - set(manifest.nodes)
    if unknown:
        raise ValueError(f"{path}: no such nodes: {', '.join(sorted(unknown))}")
    return manifest
