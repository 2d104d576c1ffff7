"""``EmbeddedGroup``: the homes that keep one chain without a network, each executing every block by itself (D7).

A group of one is a private chain or a single node. Homes commit in a fixed order, so they differ by at most one
block; at the start a laggard executes what it lacks from a peer's store. What more than half of the homes compute
stands: a home that computes another app hash, or can't execute or write, is stopped and evidence is kept; the others
go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xinglin.carrier.consensus.errors import AppHashDiffers
from xinglin.carrier.consensus.ports import AppInfo, Application, BlockAnswer
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

    ``stopped`` tells why a home no longer takes part, by its name.

    Args:
        members: at least one, names distinct, in the order in which they commit. They are brought to one height here.

    Raises:
        AppHashDiffers: no app hash is that of more than half of the homes.
    """

    def __init__(self, members: Sequence[GroupMember]) -> None:
        self._members = list(members)
        self.stopped: dict[str, PlatformError] = {}
        self.tip: AppInfo = max((member.application.info() for member in members), key=lambda info: info.height)
        self._catch_up()

    @property
    def names(self) -> list[str]:
        """Homes that take part, in order."""
        return [member.name for member in self._members]

    def check_room(self) -> None:
        """Raise StoreFull when a home has no room for more transactions."""
        for member in self._members:
            member.application.check_room()

    def check_txs(self, transactions: Sequence[bytes], time: int) -> list[PlatformError | None]:
        """Return the first home's refusal of each transaction at a block time, None where there is none."""
        return [answer.refusal for answer in self._members[0].application.check_txs(transactions, time)]

    def look_ahead(self, transactions: Sequence[bytes]) -> None:
        """Let the first home check forms and signatures before the block is made, from another thread."""
        self._members[0].application.look_ahead(transactions)

    def append(self, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute and commit the next block on every home.

        Args:
            time: block time in ms, later than the tip's.
            transactions: in block order.

        Returns: what the block did, durable on every home that is not stopped.

        Raises:
            BlockInvalid: a transaction is malformed; nothing was done anywhere.
            AppHashDiffers: no answer is that of more than half of the homes; nothing was committed anywhere.
            StoreFull: the first home can't write; nothing was committed anywhere.
        """
        height = self.tip.height + 1
        try:
            answers = self._execute(height, time, transactions)
            self._agree(height, [(member, answer.app_hash) for member, answer in answers])
            first, *others = self._members
            first.application.commit()
        except BaseException:
            for member in self._members:
                member.application.info()
            raise
        answer = next(answer for member, answer in answers if member is first)
        self.tip = AppInfo(self.tip.chain, height, time, answer.app_hash)
        for member in others:
            self._commit(member)
        return answer

    def _execute(self, height: int, time: int, transactions: Sequence[bytes]) -> list[tuple[GroupMember, BlockAnswer]]:
        """Return each home's answer. What the first refuses is refused; another that refuses it then is stopped."""
        first, *others = self._members
        answers = [(first, first.application.finalize_block(height, time, transactions))]
        for member in others:
            try:
                answers.append((member, member.application.finalize_block(height, time, transactions)))
            except PlatformError as failure:
                self._stop(member, failure)
        return answers

    def _agree(self, height: int, found: Sequence[tuple[GroupMember, bytes]]) -> None:
        """Stop every home whose app hash is not that of more than half."""
        [(expected, count)] = Counter(app_hash for _, app_hash in found).most_common(1)
        agreed = 2 * count > len(found)
        wrong = [member for member, app_hash in found if not agreed or app_hash != expected]
        lines = [f"chain {self.tip.chain}", f"height {height}"]
        lines += [f"{app_hash.hex()} {member.name}" for member, app_hash in found]
        for member in wrong:
            evidence = "".join(line + "\n" for line in lines)
            member.keep_evidence(f"app-hash-{self.tip.chain}-{height}.txt", evidence.encode())
        differ = [AppHashDiffers(chain=self.tip.chain, height=height, home=member.name) for member in wrong]
        if not agreed:
            raise differ[0]
        for member, failure in zip(wrong, differ, strict=True):
            self._stop(member, failure)

    def _commit(self, member: GroupMember) -> None:
        try:
            member.application.commit()
        except PlatformError as failure:
            self._stop(member, failure)

    def _stop(self, member: GroupMember, failure: PlatformError) -> None:
        member.application.info()
        self._members.remove(member)
        self.stopped[member.name] = failure

    def _catch_up(self) -> None:
        """Bring every home to the highest height by executing a peer's blocks, and compare."""
        heights = [(member, member.application.info().height) for member in self._members]
        ahead = next(member for member, height in heights if height == self.tip.height)
        for member, height in heights:
            if height < self.tip.height:
                try:
                    self._replay(member, ahead, height + 1)
                except PlatformError as failure:
                    self._stop(member, failure)
        self._agree(self.tip.height, [(member, member.application.info().app_hash) for member in self._members])
        self.tip = self._members[0].application.info()

    @staticmethod
    def _replay(member: GroupMember, peer: GroupMember, first: int) -> None:
        for height, time, transactions in peer.blocks(first):
            member.application.finalize_block(height, time, transactions)
            member.application.commit()
