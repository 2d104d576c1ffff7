"""What the record of decisions adds up to: who is found as whom, what waits for people, which links hold (H1).

Pure: a decision comes in, the state follows; the same decisions in the same order give the same state. Persons form
trees: a merge hangs one root under another and an unmerge takes it off again, with everything that hung on it before.
So no merge ever forgets what was there before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xinglin.service.basic.patient_index.model import (
    Decision,
    Dismissed,
    Link,
    Linked,
    Merged,
    Moved,
    Review,
    Unlinked,
    Unmerged,
)


class Decisions:
    """The state that decisions have led to."""

    def __init__(self) -> None:
        self._parents: dict[bytes, bytes] = {}
        self._since: dict[bytes, int] = {}
        self._children: dict[bytes, set[bytes]] = {}
        self.merges: dict[bytes, Merged] = {}
        """Merges in force by id."""
        self._reviews: dict[bytes, Review] = {}
        self._asked: dict[frozenset[bytes], bytes] = {}
        self._two: set[frozenset[bytes]] = set()
        self._once: list[tuple[frozenset[bytes], int, int]] = []
        self._links: dict[bytes, Link] = {}
        self._handles: dict[tuple[str, bytes], bytes] = {}

    def apply(self, decision: Decision) -> None:
        """Take in one decision; what it refers to that is not there changes nothing."""
        apply: Callable[[Decision], None] = getattr(self, f"_{type(decision).__name__.lower()}")
        apply(decision)

    def root(self, person: bytes) -> bytes:
        """Return whom a person is found as."""
        while person in self._parents:
            person = self._parents[person]
        return person

    def followed(self, person: bytes) -> list[tuple[bytes, int]]:
        """Return a person and all whom it was merged into, each with the time (ms) since when they are one; itself 0.

        What was said of one of these after that time was said of the person too; what was said before was not.
        """
        found, since = [(person, 0)], 0
        while person in self._parents:
            since = max(since, self._since[person])
            person = self._parents[person]
            found.append((person, since))
        return found

    def tree(self, person: bytes) -> list[bytes]:
        """Return a person and all who were merged into it, itself first."""
        found = [person]
        for one in found:
            found.extend(sorted(self._children.get(one, ())))
        return found

    def parted(self, person: bytes) -> list[tuple[bytes, int, int]]:
        """Return everyone who was taken for a person and is so no more, each with the time (ms) from when until when.

        What was said then under one id may have been said by either.
        """
        mine = set(self.tree(self.root(person)))
        once = ((group - mine, since, until) for group, since, until in self._once if group & mine)
        return [(other, since, until) for others, since, until in once for other in sorted(others)]

    def may_ask(self, one: bytes, other: bytes) -> bool:
        """Tell whether two persons may be proposed: not one already, not waiting, not settled as two."""
        one, other = self.root(one), self.root(other)
        pair = frozenset((one, other))
        return one != other and pair not in self._asked and not self._settled(one, other)

    def reviews(self) -> Iterator[Review]:
        """Yield what waits for people, the oldest first; what a merge has settled meanwhile is left out."""
        for review in self._reviews.values():
            if self.root(review.one) != self.root(review.other):
                yield review

    def review(self, review: bytes) -> Review | None:
        """Return a review that waits, None if there is none of that id."""
        found = self._reviews.get(review)
        return found if found is not None and self.root(found.one) != self.root(found.other) else None

    def links(self, person: bytes) -> list[Link]:
        """Return the links in force of a person and of those merged into it."""
        persons = set(self.tree(person))
        return [link for link in self._links.values() if link.person in persons]

    def all_links(self) -> list[Link]:
        """Return every link in force, the oldest first."""
        return list(self._links.values())

    def link(self, link: bytes) -> Link | None:
        """Return a link in force, None if there is none of that id."""
        return self._links.get(link)

    def by_handle(self, node: str, handle: bytes) -> bytes | None:
        """Return whom another node's handle is linked to, None if no one."""
        link = self._handles.get((node, handle))
        return self.root(self._links[link].person) if link is not None else None

    def _settled(self, one: bytes, other: bytes) -> bool:
        if not self._two:
            return False
        ones, others = self.tree(one), self.tree(other)
        return any(frozenset((a, b)) in self._two for a in ones for b in others)

    def _review(self, review: Review) -> None:
        self._reviews[review.review] = review
        self._asked[frozenset((self.root(review.one), self.root(review.other)))] = review.review

    def _merged(self, merge: Merged) -> None:
        self.merges[merge.merge] = merge
        self._parents[merge.gone] = merge.kept
        self._since[merge.gone] = merge.at
        self._children.setdefault(merge.kept, set()).add(merge.gone)

    def _unmerged(self, unmerge: Unmerged) -> None:
        merge = self.merges.pop(unmerge.merge, None)
        if merge is not None:
            self._once.append((frozenset(self.tree(self.root(merge.kept))), merge.at, unmerge.at))
            del self._parents[merge.gone], self._since[merge.gone]
            self._children[merge.kept].discard(merge.gone)
            self._two.add(frozenset((merge.kept, merge.gone)))
            self._close(merge.review)

    def _dismissed(self, dismissed: Dismissed) -> None:
        review = self._reviews.get(dismissed.review)
        if review is not None:
            self._two.add(frozenset((review.one, review.other)))
            self._close(dismissed.review)

    def _close(self, review: bytes) -> None:
        closed = self._reviews.pop(review, None)
        if closed is not None:
            self._asked = {pair: asked for pair, asked in self._asked.items() if asked != review}

    def _linked(self, linked: Linked) -> None:
        self._links[linked.link] = Link(linked.link, linked.person, linked.node, linked.handle, linked.at)
        self._handles[linked.node, linked.handle] = linked.link

    def _unlinked(self, unlinked: Unlinked) -> None:
        link = self._links.pop(unlinked.link, None)
        if link is not None and self._handles.get((link.node, link.handle)) == unlinked.link:
            del self._handles[link.node, link.handle]

    def _moved(self, moved: Moved) -> None:
        self._two.add(frozenset((moved.before, moved.after)))
        self._once.append((frozenset((*self.tree(self.root(moved.before)), moved.after)), 0, moved.at))
