"""``EmbeddedGroup``: the homes that keep one chain without a network, each executing every block by itself (D7).

A group of one is a private chain or a single node. Homes commit in a fixed order, so they differ by at most one block; at
the start a laggard executes what it lacks from a peer's store. A home that computes another app hash, or can't
write, is stopped and evidence is kept; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xinglin.carrier.consensus.errors import AppHashDiffers
from xinglin.carrier.consensus.ports import Application, AppInfo, BlockAnswer
from xinglin.kernel.errors import PlatformError

StoredBlock = tuple[int, int, Sequence[bytes]]
"""Height, block time in ms, and the logged transactions of a stored block."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One home of a group.

    ``blocks`` yields its stored blocks from a height on; ``keep_evidence`` keeps (name, bytes) durably.
    """

    name: str
    application: Application
    blocks: Callable[[int], Iterable[StoredBlock]]
    keep_evidence: Callable[[str, bytes], None]


class EmbeddedGroup:
    """Drives the applications of several homes through the same blocks.

    Args:
        members: at least one, in the order in which they commit. They are brought to one height here.

    Raises:
        AppHashDiffers: two homes of equal height have different app hashes, or a laggard computes another.
    """

    def __init__(self, members: Sequence[GroupMember]) -> None:
        self._members = list(members)
        self.stopped: dict[str, PlatformError] = {}
        infos = self._catch_up()
        self.tip: AppInfo = infos[0]

    @property
    def names(self) -> list[str]:
        """Homes that take part, in order."""
        return [member.name for member in self._members]

    def check_txs(self, transactions: Sequence[bytes]) -> list[PlatformError | None]:
        """Return the first home's refusal of each transaction, None where there is none."""
        return [answer.refusal for answer in self._members[0].application.check_txs(transactions)]

    def append(self, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute and commit the next block on every home.

        Args:
            time: block time in ms, later than the tip's.
            transactions: in block order.

        Returns: the first home's answer, durable on every home that is not stopped.

        Raises:
            BlockInvalid: a transaction is malformed; nothing was done anywhere.
            StoreFull: the first home can't write; nothing was committed anywhere.
        """
        height = self.tip.height + 1
        first, *others = self._members
        answer = first.application.finalize_block(height, time, transactions)
        try:
            for member in others:
                self._compare(member, height, time, transactions, answer)
            first.application.commit()
        except PlatformError:
            for member in self._members:
                member.application.info()
            raise
        self.tip = AppInfo(self.tip.chain, height, time, answer.app_hash)
        for member in [one for one in others if one in self._members]:
            self._commit(member)
        return answer

    def _compare(
        self, member: GroupMember, height: int, time: int, transactions: Sequence[bytes], answer: BlockAnswer
    ) -> None:
        theirs = member.application.finalize_block(height, time, transactions)
        if theirs.app_hash != answer.app_hash:
            self._stop(member, height, answer.app_hash, theirs.app_hash)

    def _commit(self, member: GroupMember) -> None:
        try:
            member.application.commit()
        except PlatformError as failure:
            self._members.remove(member)
            self.stopped[member.name] = failure

    def _stop(self, member: GroupMember, height: int, expected: bytes, found: bytes) -> AppHashDiffers:
        failure = AppHashDiffers(chain=self._chain, height=height, home=member.name)
        text = f"chain {self._chain}\nheight {height}\nexpected {expected.hex()}\nfound {found.hex()}\n"
        member.keep_evidence(f"app-hash-{self._chain}-{height}.txt", text.encode("ascii"))
        member.application.info()
        self._members.remove(member)
        self.stopped[member.name] = failure
        return failure

    @property
    def _chain(self) -> str:
        return self._members[0].application.info().chain

    def _catch_up(self) -> list[AppInfo]:
        """Bring every home to the highest height by executing a peer's blocks."""
        infos = {member.name: member.application.info() for member in self._members}
        ahead = max(self._members, key=lambda member: infos[member.name].height)
        for member in self._members:
            info = infos[member.name]
            if info.height < infos[ahead.name].height:
                for height, time, transactions in ahead.blocks(info.height + 1):
                    member.application.finalize_block(height, time, transactions)
                    member.application.commit()
        final = [member.application.info() for member in self._members]
        expected = infos[ahead.name].app_hash
        for member, info in zip(list(self._members), final, strict=True):
            if info.app_hash != expected:
                raise self._stop(member, info.height, expected, info.app_hash)
        return final
