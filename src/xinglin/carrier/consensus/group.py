"""``EmbeddedGroup``: the homes that keep one chain without a network, each executing every block by itself (D7).

A group of one is a private chain or a single node. Homes commit in a fixed order, so they differ by at most one block
after a crash; at the start a home that is behind executes what it lacks from the others' stores. What more than half of
the homes compute stands; what fewer compute never does. Which transactions are in a block is for others to say.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xinglin.carrier.consensus.errors import AppHashDiffers, EngineFailed, MajorityLost, StoredBlockUnusable
from xinglin.carrier.consensus.ports import AppInfo, Application, BlockAnswer
from xinglin.kernel.errors import Invalid, PlatformError, Unavailable

StoredBlock = tuple[int, int, Sequence[bytes]]
"""Height, block time in ms, and the logged transactions of a stored block."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One home of a group.

    ``blocks`` yields its stored blocks from a height on; ``app_hash`` returns what its store says of the app hash after
    a height, and raises an ``Unavailable`` for a height that it does not keep; ``keep_evidence`` keeps (name, bytes)
    durably.
    """

    name: str
    application: Application
    blocks: Callable[[int], Iterable[StoredBlock]]
    app_hash: Callable[[int], bytes]
    keep_evidence: Callable[[str, bytes], None]


class EmbeddedGroup:
    """Drives the applications of several homes through the same blocks.

    A majority is more than half of the homes that the group was opened with, however many of them are stopped since.
    So two homes must both agree, and of four three.

    A block:

    1. Every home executes it. When a majority refuses it, it is refused: nothing is done anywhere. A home that would
       have taken it is stopped.
    2. Otherwise a home that can't execute it is stopped, and so is one whose app hash is not that of a majority, with
       evidence, before anything is written.
    3. The homes commit it in order. When the first can't write, nothing is written anywhere and nobody is stopped; a
       home that fails later is stopped, with the block or without it.
    4. When no majority is left, before or after the commit, the group ends: it takes no block any more. A block that a
       majority has made durable is answered as committed all the same; one that fewer homes have never is.

    At the opening:

    5. Homes whose stores say different app hashes of one height contradict one another. What a majority has stored
       stands and the others are stopped, with evidence; without a majority the group does not open. Who is behind that
       height takes no side.
    6. A home that is behind executes what it lacks from the others' stores, and commits a block only when it computes
       the app hash that is stored with it; when that fails it tries the next home that has the block. A home whose
       block failed where another's served is stopped, with evidence; one that nobody's block served is stopped itself.
    7. No stored block is given up but by rule 5: where one home alone has the newest and the others can't execute it,
       no majority is left and the group does not open. Which of them is right is for people to find out.

    ``stopped`` tells why a home no longer takes part, by its name; ``ended`` why the group takes no block any more.

    Args:
        members: at least one, names distinct, in the order in which they commit. They are brought to one height here.

    Raises:
        AppHashDiffers: homes contradict one another, and none has a majority on its side; nothing was written.
        MajorityLost: too few homes are left that can go on from one height; ``__cause__`` is why the last was stopped.
    """

    def __init__(self, members: Sequence[GroupMember]) -> None:
        self._members = list(members)
        self._homes = len(self._members)
        self._ended: PlatformError | None = None
        self.stopped: dict[str, PlatformError] = {}
        self.tip: AppInfo = self._members[0].application.info()
        self._catch_up()

    @property
    def ended(self) -> PlatformError | None:
        """Why no further block is taken, None while there may be one."""
        return self._ended

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
        for member in self._members[:1]:
            member.application.look_ahead(transactions)

    def append(self, time: int, transactions: Sequence[bytes]) -> BlockAnswer:
        """Execute and commit the next block on every home.

        Args:
            time: block time in ms, later than the tip's.
            transactions: in block order.

        Returns: what the block did, durable on every home that is not stopped: a majority.

        Raises:
            BlockInvalid: a transaction is malformed; nothing was done anywhere.
            StoreFull: the first home can't write; nothing was committed anywhere.
            AppHashDiffers: no app hash is that of a majority; nothing was committed anywhere, and the group has ended.
            MajorityLost: no majority is left, and the group has ended; fewer homes than a majority have the block. Of a
                group of one it is what failed, and it has no block.
        """
        if self._ended is not None:
            raise self._ended
        height = self.tip.height + 1
        try:
            answers = self._execute(height, time, transactions)
            self._agree(height, [(member, answer.app_hash) for member, answer in answers])
            answer = next(answer for member, answer in answers if member is self._members[0])
            self._commit(AppInfo(self.tip.chain, height, time, answer.app_hash))
        except BaseException as fault:
            for member in self._members:
                member.application.info()
            if not isinstance(fault, PlatformError):  # where the block is durable is not known
                self._ended = EngineFailed(fault=type(fault).__name__)
            raise
        return answer

    def _execute(self, height: int, time: int, transactions: Sequence[bytes]) -> list[tuple[GroupMember, BlockAnswer]]:
        """Rule 1, and of rule 2 what concerns homes that give no answer."""
        answers: list[tuple[GroupMember, BlockAnswer]] = []
        failures: list[tuple[GroupMember, PlatformError]] = []
        for member in self._members:
            try:
                answers.append((member, member.application.finalize_block(height, time, transactions)))
            except PlatformError as failure:
                failures.append((member, failure))
        refusals = [failure for _, failure in failures if isinstance(failure, Invalid)]
        if self._is_majority(len(refusals)):
            for member, _ in answers:
                self._stop(member, refusals[0])
            raise refusals[0]
        for member, why in failures:
            self._stop(member, why)
        self._require_majority(height)
        return answers

    def _agree(self, height: int, found: Sequence[tuple[GroupMember, bytes]]) -> None:
        """Stop every home whose app hash is not that of a majority, unless all are the same."""
        count = Counter(app_hash for _, app_hash in found)
        if len(count) < 2:
            return
        expected, most = count.most_common(1)[0]
        agreed = self._is_majority(most)
        wrong = [member for member, app_hash in found if not agreed or app_hash != expected]
        for member in wrong:
            self._keep_app_hashes(member, height, found)
            self._stop(member, AppHashDiffers(chain=self.tip.chain, height=height, home=member.name))
        if not agreed:
            names = ", ".join(member.name for member in wrong)
            self._ended = AppHashDiffers(chain=self.tip.chain, height=height, home=names)
            raise self._ended

    def _commit(self, tip: AppInfo) -> None:
        """Rule 3: write the block that every home has executed; rule 4 for whoever waits for it."""
        durable = 0
        for member in list(self._members):
            try:
                member.application.commit()
            except Exception as fault:
                # A home may have written the block and failed after it.
                written = member.application.info().height == tip.height
                durable += written
                if not durable:
                    raise
                self._stop(member, _failure(fault))
            else:
                durable += 1
        self.tip = tip
        try:
            self._require_majority(tip.height)
        except PlatformError:
            if not self._is_majority(durable):
                raise

    def _catch_up(self) -> None:
        """Bring every home to the highest height, those that lack least first, so that they can serve the others."""
        self._compare_stores()
        heights = {member.name: member.application.info().height for member in self._members}
        top = max(heights.values())
        for member in sorted(self._members, key=lambda member: -heights[member.name]):
            try:
                for height in range(heights[member.name] + 1, top + 1):
                    self._take_block(member, height)
            except PlatformError as failure:
                self._stop(member, failure)
        self._require_majority(top)
        self.tip = self._members[0].application.info()

    def _compare_stores(self) -> None:
        """Rule 5: compare what is stored at every height at which a home stands, so that each two are compared."""
        for height in sorted({member.application.info().height for member in self._members}):
            found: list[tuple[GroupMember, bytes]] = []
            for member in list(self._members):
                if member.application.info().height < height:
                    continue
                try:
                    found.append((member, member.app_hash(height)))
                except Unavailable:
                    continue
                except PlatformError as failure:
                    self._stop(member, failure)
            self._agree(height, found)
        self._require_majority(height)

    def _take_block(self, member: GroupMember, height: int) -> None:
        """Rule 6: execute the next block of a home that is behind from the first store that serves, and commit it."""
        failures: list[tuple[GroupMember, StoredBlockUnusable]] = []
        for peer in [one for one in self._members if one.application.info().height >= height]:
            try:
                if self._execute_stored(member, peer, height):
                    break
            except StoredBlockUnusable as failure:
                failures.append((peer, failure))
        else:
            if not failures:
                raise self._unusable(height, "-", member, "no home keeps it")
            self._keep_block(member, height, failures[0][1])
            raise failures[0][1]
        for peer, why in failures:
            self._keep_block(peer, height, why)
            self._stop(peer, why)
        member.application.commit()

    def _execute_stored(self, member: GroupMember, peer: GroupMember, height: int) -> bool:
        """Execute a block of another home's store; nothing is written.

        Returns: False when the other home does not keep the block.

        Raises:
            StoredBlockUnusable: it can't be read, is refused, or gives another app hash than is stored with it.
        """
        try:
            peer.app_hash(height - 1)  # who began with a snapshot has the head of its height, but not the block
            stored = peer.app_hash(height)
            _, time, transactions = next(iter(peer.blocks(height)))
        except Unavailable:
            return False
        except PlatformError as failure:
            raise self._unusable(height, peer.name, member, failure.code) from failure
        try:
            found = member.application.finalize_block(height, time, transactions).app_hash
        except Invalid as refusal:
            raise self._unusable(height, peer.name, member, str(refusal.facts.get("reason", refusal.code))) from refusal
        if found != stored:
            reason = f"the app hash is {found.hex()}, not {stored.hex()}"
            raise self._unusable(height, peer.name, member, reason)
        return True

    def _unusable(self, height: int, home: str, by: GroupMember, reason: str) -> StoredBlockUnusable:
        return StoredBlockUnusable(chain=self.tip.chain, height=height, home=home, by=by.name, reason=reason)

    def _is_majority(self, count: int) -> bool:
        return 2 * count > self._homes

    def _require_majority(self, height: int) -> None:
        """Rule 4: end the group when too few are left."""
        left = len(self._members)
        if self._is_majority(left):
            return
        last = list(self.stopped.values())[-1]
        why = "; ".join(f"{name}: {failure.sentence().rstrip('.')}" for name, failure in self.stopped.items())
        if self._homes == 1:
            self._ended = last
            raise last
        self._ended = MajorityLost(chain=self.tip.chain, height=height, left=left, homes=self._homes, stopped=why)
        raise self._ended from last

    def _stop(self, member: GroupMember, failure: PlatformError) -> None:
        member.application.info()
        self._members.remove(member)
        self.stopped[member.name] = failure
        logger.error("home %s of chain %s is stopped: %s", member.name, self.tip.chain, failure.code)

    def _keep_app_hashes(self, member: GroupMember, height: int, found: Sequence[tuple[GroupMember, bytes]]) -> None:
        lines = [f"{app_hash.hex()} {other.name}" for other, app_hash in found]
        self._keep_evidence(member, "app-hash", height, lines)

    def _keep_block(self, member: GroupMember, height: int, failure: StoredBlockUnusable) -> None:
        lines = [f"{name} {failure.facts[name]!s}" for name in ("home", "by", "reason")]
        self._keep_evidence(member, "block", height, lines)

    def _keep_evidence(self, member: GroupMember, kind: str, height: int, lines: Sequence[str]) -> None:
        """Keep what was found; a home that can't keep it stops for all that, and holds nobody up."""
        chain = self.tip.chain
        text = "".join(line + "\n" for line in [f"chain {chain}", f"height {height}", *lines])
        try:
            member.keep_evidence(f"{kind}-{chain}-{height}.txt", text.encode())
        except (OSError, PlatformError) as fault:
            logger.error("home %s can't keep evidence: %s", member.name, type(fault).__name__)


def _failure(fault: Exception) -> PlatformError:
    """Return why a home is stopped by a fault."""
    if isinstance(fault, PlatformError):
        return fault
    failure = EngineFailed(fault=type(fault).__name__)
    failure.__cause__ = fault
    return failure
