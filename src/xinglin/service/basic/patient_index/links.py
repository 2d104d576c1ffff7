"""Links between nodes: a person here is the one that another node knows by a handle (D10; H1, H7).

A handle is random and means nothing outside the two nodes. A link follows merges, and can be undone.
"""

from __future__ import annotations

from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.patient_index.core import IndexCore
from xinglin.service.basic.patient_index.errors import DecisionNotFound
from xinglin.service.basic.patient_index.model import Link, Linked, Unlinked


class Links(IndexCore):
    """Links of one node's persons with other nodes; part of ``PatientIndex``."""

    def link(self, person: bytes, node: str, handle: bytes, by: str) -> Link:
        """Note that another node knows a person by a handle, after both have agreed on it (D10).

        Raises:
            PersonNotFound: there is no such person.
        """
        with self._deciding():
            self._must_be(person)
            linked = Linked(self._randomness(16), person, node, handle, by, self._clock.now_ms())
            self._decide(linked)
            return Link(linked.link, person, node, handle, linked.at)

    def unlink(self, link: bytes, reason: str, by: str) -> Link:
        """Undo a link between nodes and return it: reads since its time rested on it.

        Raises:
            DecisionNotFound: no link of that id is in force.
        """
        with self._deciding():
            found = self._decisions.link(link)
            if found is None:
                raise DecisionNotFound(decision=identifier(link))
            self._decide(Unlinked(link, reason, by, self._clock.now_ms()))
            return found

    def links(self, person: bytes) -> list[Link]:
        """Return the links in force of a person."""
        with self._lock:
            return self._decisions.links(self._decisions.root(person))

    def all_links(self) -> list[Link]:
        """Return every link in force, the oldest first."""
        with self._lock:
            return self._decisions.all_links()

    def person_by_handle(self, node: str, handle: bytes) -> bytes | None:
        """Return whom another node's handle is linked to, None if no one."""
        with self._lock:
            return self._decisions.by_handle(node, handle)
