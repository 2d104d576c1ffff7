"""Who is one with a person, may be, or was: for what must not miss anybody, as holds and retention (H1). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from xinglin.service.basic.patient_index.model import Decision, Merged, Moved, Review, Unmerged


def reach(person: bytes, decisions: Sequence[Decision], waiting: Iterable[Review], since: int) -> frozenset[bytes]:
    """Return everyone who is one with a person now, was so at any time since, or waits for people to say so.

    Args:
        person: any id of the person.
        decisions: every decision ever taken, in order.
        waiting: the pairs that wait for people.
        since: ms; what was undone earlier counts no more.

    Returns: ids as first assigned, the person's own among them.
    """
    merges: dict[bytes, Merged] = {}
    pairs: list[tuple[bytes, bytes]] = [(one.one, one.other) for one in waiting]
    for one in decisions:
        if isinstance(one, Merged):
            merges[one.merge] = one
        elif isinstance(one, Unmerged):
            merged = merges.pop(one.merge, None)
            if merged is not None and one.at >= since:
                pairs.append((merged.kept, merged.gone))
        elif isinstance(one, Moved) and one.at >= since:
            pairs.append((one.before, one.after))
    pairs += [(one.kept, one.gone) for one in merges.values()]
    near = defaultdict[bytes, set[bytes]](set)
    for a, b in pairs:
        near[a].add(b)
        near[b].add(a)
    found, left = {person}, [person]
    while left:
        new = near[left.pop()] - found
        found |= new
        left += new
    return frozenset(found)
