"""The one-page report on a sealed episode: what its proof bundle proves and what not, in Chinese and English (S1.1).

Everything on the page is read from a bundle that was checked by the product's own steps; nothing is taken from the
home, so that whoever has the bundle can make the same page. It names no patient: the bundle doesn't.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xinglin.carrier.ledger.bundle_model import EpisodeBundle
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import decode
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy
from xinglin.service.basic.coordination.bundles.check import BundleReport, Verdict
from xinglin.service.basic.coordination.model import Behaviour
from xinglin.service.basic.episodes.bundles.check import check_proof
from xinglin.service.basic.episodes.model import SEAL_REASONS, SIDES, EpisodeState
from xinglin.service.basic.episodes.report_words import (
    CHECK,
    COPIES,
    LABELS,
    NO_READS,
    NOT_PROVEN,
    PROVEN,
    READ_BY,
    STANDING,
    TITLE,
    TRUSTED,
    Pair,
)

MAX_READERS = 8
"""So many readers are on the page; the bundle has all of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page: what it is, in Chinese and English, and its value, which is the same in both or a pair."""

    label: Pair
    value: Pair


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """The page: title, lines, who read, what is proven, what is not, how to check it."""

    title: Pair
    rows: Sequence[Row]
    readers: Sequence[Pair]
    proven: Sequence[Pair]
    not_proven: Sequence[Pair]
    check: Sequence[Pair]


def report_of(data: bytes, trust: Trust | None = None) -> EpisodeReport:
    """Return the page on a proof bundle.

    Args:
        data: an episode bundle.
        trust: what is pinned; without it the page says that the chain itself was not compared with anything.

    Raises:
        PlatformError: the bundle does not hold, or is none of an episode: why not.
    """
    checked = check_proof(data, trust)
    failed = checked.failed
    if failed is not None and failed.refusal is not None:
        raise failed.refusal
    bundle = decode(EpisodeBundle, data)
    facts = _facts(checked)
    return EpisodeReport(
        title=TITLE,
        rows=_rows(data, bundle, facts, checked.verdict),
        readers=_readers(bundle),
        proven=[_filled(pair, facts) for pair in PROVEN if _is_shown(pair, bundle)],
        not_proven=NOT_PROVEN,
        check=[_filled(pair, facts) for pair in CHECK],
    )


def _facts(checked: BundleReport) -> dict[str, Any]:
    """Return what the steps said, by the names that the page uses."""
    said = {step.number: step.facts for step in checked.steps}
    return {
        "institution": " ".join(said[13]["names"]),  # type: ignore[arg-type]
        "member": said[14]["member"],
        "consortium": said[2]["chain"],
        "genesis": _hex(said[2]["genesis"]),
        "private": said[21]["chain"],
        "episode": said[21]["episode"],
        "reason": said[21]["reason"],
        "sealed": shown_time(said[21]["time"]),
        "records": said[22]["records"],
        "root": _hex(said[22]["root"]),
        "opened": said[24]["opened"],
        "account": said[24]["account"],
        "person": _hex(said[24]["person"]),
        "late": said[25]["late"],
        "registrations": said[26]["registrations"],
        "lists": said[27]["records"],
        "entries": said[27]["entries"],
        "as_of": shown_time(said[23]["as_of_time"]),
        "checkpoint": f"{int(str(said[5]['height']))}, {shown_time(said[5]['time'])}",
        "cosigners": said[6]["counted"],
        "quorum": said[6]["quorum"],
    }


def _rows(data: bytes, bundle: EpisodeBundle, facts: dict[str, Any], verdict: Verdict) -> list[Row]:
    state = decode(EpisodeState, bundle.state.value[0])
    opening = [(SIDES[step.side], shown_time(step.time)) for step in state.opening]
    standing = STANDING[len(opening)]
    times = [shown_time(one.time) for one in bundle.late]
    late = f"{len(times)}" + (f" ({times[0]} ... {times[-1]})" if times else "")
    recorded = _recorders(bundle)
    values: list[tuple[str, Pair]] = [
        ("institution", _same(f"{facts['institution']} ({facts['member']})")),
        ("episode", _same(str(facts["episode"]))),
        ("reason", (SEAL_REASONS[state.reason][1], SEAL_REASONS[state.reason][0])),
        ("sealed", _same(str(facts["sealed"]))),
        ("set", _same(f"{facts['records']}; {facts['root']}")),
        ("sides", _same(f"{facts['account']}; {facts['person']}")),
        ("standing", (f"{standing[0]} {_opened(opening, 1)}".strip(), f"{standing[1]} {_opened(opening, 0)}".strip())),
        ("late", _same(late)),
        ("registered", _same(f"{facts['registrations']}" + (f"; {recorded}" if recorded else ""))),
        ("chains", _same(f"{facts['private']}; {facts['consortium']}")),
        ("as_of", _same(f"{facts['as_of']}; {facts['checkpoint']}; {facts['cosigners']}/{facts['quorum']}")),
        ("bundle", _same(f"{len(data)}; {hashlib.sha256(data).hexdigest()}")),
        ("verdict", TRUSTED[verdict is Verdict.HOLDS]),
    ]
    return [Row(LABELS[name], value) for name, value in values]


def _opened(opening: Sequence[tuple[Pair, str]], language: int) -> str:
    """Return which side signed when; sides are in (English, Chinese)."""
    return ", ".join(f"{side[language]} {time}" for side, time in opening)


def _recorders(bundle: EpisodeBundle) -> str:
    """Return whose account recorded how many of the records that are opened."""
    counted: Counter[str] = Counter()
    for one in bundle.registrations:
        for opening in one.opening:
            for opened in opening.behaviour.opened:
                counted[decode(Behaviour, opened.data).recorder] += 1
    return ", ".join(f"{account}: {count}" for account, count in counted.most_common(4))


def _readers(bundle: EpisodeBundle) -> list[Pair]:
    """Return who read records of the episode, or was refused, the most frequent first."""
    counted: dict[tuple[str, str, OpenedCopy], list[int]] = {}
    for one in bundle.reads:
        for shown in one.entries:
            entry = decode(AccessEntry, shown.item[0].item)
            counted.setdefault((entry.member, entry.account, entry.copy), []).append(entry.time)
    ordered = sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [_reader(*who, times) for who, times in ordered[:MAX_READERS]]
    more = len(ordered) - len(lines)
    if more:
        lines.append((f"另有 {more} 项，见证明包", f"and {more} more, in the bundle"))
    return lines or [NO_READS[bool(bundle.reads)]]


def _reader(member: str, account: str, copy: OpenedCopy, times: Sequence[int]) -> Pair:
    facts = {"member": member, "account": account, "times": len(times)}
    facts |= {"first": shown_time(min(times)), "last": shown_time(max(times))}
    chinese, english = COPIES[int(copy)]
    return READ_BY[0].format_map({**facts, "copy": chinese}), READ_BY[1].format_map({**facts, "copy": english})


def _is_shown(pair: Pair, bundle: EpisodeBundle) -> bool:
    """Tell whether the bundle shows what a sentence says."""
    about = {"registrations": bool(bundle.registrations), "lists": bool(bundle.reads)}
    return all(shown for name, shown in about.items() if f"{{{name}}}" in pair[1])


def _filled(pair: Pair, facts: dict[str, Any]) -> Pair:
    return pair[0].format_map(facts), pair[1].format_map(facts)


def _same(value: str) -> Pair:
    return value, value


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def shown_time(milliseconds: object) -> str:
    """Return a time as people write it, UTC, to the second; one beyond the calendar as milliseconds."""
    try:
        return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
