"""Puts what people decided on record on the private chain, and compares the index with it (H1, H2; PI34 to PI37).

The index is written first, in one transaction; the chain counts what is on record and takes the next number alone. So
what a crash or an outage left is known by comparing two counts: nothing is lost and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.errors import IdentifierInvalid, PlatformError
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.service.basic.patient_index.identity.errors import IdentityBehind, IdentityDiffers
from xinglin.service.basic.patient_index.identity.model import NAMESPACE, ActCount, ActState, RecordAct
from xinglin.service.basic.patient_index.identity.ports import PrivateChain
from xinglin.service.basic.patient_index.identity.rules import Acts, Placed, act_of, content_of, reason_of
from xinglin.service.basic.patient_index.model import Decision, Review
from xinglin.service.basic.patient_index.store import IndexStore


class Recording:
    """The record of one home's index; from any thread.

    Args:
        store: the index's file.
        acts: the decisions in memory, numbered.
        chain: the private chain.
        service: id of the service account, named for what the node did by itself.
    """

    def __init__(self, store: IndexStore, acts: Acts, chain: PrivateChain, service: str) -> None:
        self._store = store
        self._acts = acts
        self._chain = chain
        self._service = service
        self._lock = Lock()

    def ready(self) -> None:
        """Refuse to decide where the chain has what the index lacks, or another last decision.

        Raises:
            IdentityBehind, IdentityDiffers: it has; the index was set back.
        """
        count = recorded(self._chain)
        if count > len(self._acts):
            raise IdentityBehind(chain=count, index=len(self._acts))
        if count:
            last = count - 1
            placed = self._acts[last]
            if _differs(self._store, self._chain, last, placed, self._store.decisions(placed.row)[0]):
                raise IdentityDiffers(act=last)

    def settle(self) -> None:
        """Put on record what is not there yet, in order; raises PlatformError when the chain takes nothing now."""
        with self._lock:
            count = recorded(self._chain)
            if count >= len(self._acts):
                return
            first = self._acts[count].row
            rows = self._store.decisions(first)
            for number in range(count, len(self._acts)):
                placed = self._acts[number]
                self._record(number, placed, rows[placed.row - first])

    def _record(self, number: int, placed: Placed, decision: Decision) -> None:
        call = RecordAct(
            number=number,
            act=act_of(decision),
            reason=reason_of(decision),
            account=self._account(decision),
            content=content_of(self._store.hash, self._store.salt(number), decision),
            undoes=() if placed.undoes is None else (placed.undoes,),
        )
        self._chain.call(NAMESPACE, "record", call)

    def _account(self, decision: Decision) -> str:
        by = "" if isinstance(decision, Review) else decision.by
        try:
            identifier_bytes(by)
        except IdentifierInvalid:
            return self._service
        return by


def recorded(chain: PrivateChain) -> int:
    """Return how many decisions are on record."""
    stored = chain.value(state_key(NAMESPACE, "count"))
    return decode(ActCount, stored).count if stored is not None else 0


def act_state(chain: PrivateChain, number: int) -> ActState | None:
    """Return a decision on record, None where there is none of that number."""
    stored = chain.value(state_key(NAMESPACE, "act", number))
    return decode(ActState, stored) if stored is not None else None


def differences(store: IndexStore, chain: PrivateChain) -> Iterator[PlatformError]:
    """Yield the decisions that the private chain contradicts; what is not on record yet is no contradiction.

    Raises:
        IndexRowDamaged, DecisionsMissing: the index can't be read.
    """
    rows, acts = store.decisions(), Acts()
    for row, decision in enumerate(rows):
        acts.add(row, decision)
    count = recorded(chain)
    if count > len(acts):
        yield IdentityBehind(chain=count, index=len(acts))
    for number in range(min(count, len(acts))):
        placed = acts[number]
        if _differs(store, chain, number, placed, rows[placed.row]):
            yield IdentityDiffers(act=number)


def _differs(store: IndexStore, chain: PrivateChain, number: int, placed: Placed, decision: Decision) -> bool:
    state = act_state(chain, number)
    if state is None:
        return True
    said = (act_of(decision), reason_of(decision), content_of(store.hash, store.salt(number), decision))
    undoes = () if placed.undoes is None else (placed.undoes,)
    return (state.act, state.reason, state.content) != said or state.undoes != undoes
