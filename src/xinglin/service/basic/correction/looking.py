"""Looking at corrected records: which versions there are, who has one, and who of them was told (H12, S8.6b).

Reads the vault, the private chain's state, the access trace and the inbox; changes nothing and needs no engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.kernel.hashing import Hash
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.ports import Holder, PrivateChain, Readers
from xinglin.service.basic.correction.errors import VersionsDiffer
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.correction.rules import predecessor_of, successor_of, versions_of
from xinglin.service.basic.notices.model import NoticeKind
from xinglin.service.basic.notices.rules import notice_id
from xinglin.service.basic.notices.service import Notices, NoticeView
from xinglin.service.lifecycle.storage.model import StoredRecord
from xinglin.service.lifecycle.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record: its id, commitment and number; why and when it was corrected (None: it is current)."""

    record: str
    commitment: bytes
    number: int
    current: bool
    reason: Reason | None
    account: str
    corrected: int


@dataclass(frozen=True, slots=True)
class Held:
    """Someone who has a version of a record, and the notice that tells of its correction.

    ``told``: when the notice was sent (ms, 0: no notice), ``delivered`` whether it has reached the holder's home,
    ``acknowledged``: when (ms, 0: not yet). ``knew``: it was read only when it had been corrected, and the answer said
    so.
    """

    member: str
    account: str
    copy: int
    times: int
    first: int
    last: int
    notice: str
    told: int
    delivered: bool
    acknowledged: int
    knew: bool


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Who has one version of a record; ``corrected_by`` is the next version's commitment, empty where it is current."""

    record: str
    commitment: bytes
    corrected_by: bytes
    holders: list[Held]


def correction_notice_id(hash_: Hash, new: bytes, member: str, account: str) -> str:
    """Return the id of the notice that tells an account of the correction whose new version has a commitment."""
    return notice_id(hash_, NoticeKind.CORRECTION, new, member, account)


class Looking:
    """Looks at the corrected records of one home.

    Args:
        vault: the home's vault, opened.
        chain: the private chain.
        readers: who was given records.
        notices: the inbox.
        hash_: of the private chain's suite.
    """

    def __init__(self, vault: Vault, chain: PrivateChain, readers: Readers, notices: Notices, hash_: Hash) -> None:
        self._vault = vault
        self._chain = chain
        self._readers = readers
        self._notices = notices
        self._hash = hash_

    def versions(self, record: str) -> list[Version]:
        """Return the versions of a record, the oldest first; the last one is current.

        A version that is stored and not linked yet is none. One that was destroyed is still one.

        Raises:
            RecordNotFound: there is no such record.
            VersionsDiffer: vault and private chain disagree.
        """
        line = versions_of(self._chain.value, self._linked(record))
        rows = [self._vault.find_commitment(commitment) for commitment in line]
        found = [row for row in rows if row is not None]
        if len(found) != len(line) or not _is_one_line(found):
            raise VersionsDiffer(record=record)
        return [self._version(row, number) for number, row in enumerate(found)]

    def current(self, record: str) -> str:
        """Return the id of a record's current version; raises as ``versions``."""
        return self.versions(record)[-1].record

    def blast_radius(self, record: str) -> BlastRadius:
        """Return who has a version of a record, which copy, and whether they were told and have acknowledged.

        Raises:
            RecordNotFound: there is no such record.
        """
        commitment = self._vault.find(record).details.commitment
        after = successor_of(self._chain.value, commitment)
        later = versions_of(self._chain.value, commitment)
        later = later[later.index(commitment) + 1 :]
        corrected = after.time if after else 0
        holders = [self._held(one, later, corrected) for one in self._readers.recipients(commitment)]
        return BlastRadius(record, commitment, after.new if after else b"", holders)

    def _linked(self, record: str) -> bytes:
        """Return the commitment of a record; of the version before it where its correction is not linked yet."""
        row = self._vault.find(record)
        details = row.details
        if not details.version or predecessor_of(self._chain.value, details.commitment) is not None:
            return details.commitment
        named = (details.source, details.type, details.logical_id)
        before = self._vault.index.by_resource([(*named, number) for number in range(details.version)])
        known = [one for one in before if one is not None]
        if not known:
            raise VersionsDiffer(record=record)
        return known[-1].details.commitment

    def _held(self, holder: Holder, later: list[bytes], corrected: int) -> Held:
        """Return a holder with the notice of the newest correction that it was told of."""
        found: NoticeView | None = None
        for commitment in later:
            notice = correction_notice_id(self._hash, commitment, holder.member, holder.account)
            found = self._notices.find(notice) or found
        return Held(
            member=holder.member,
            account=holder.account,
            copy=int(holder.copy),
            times=holder.times,
            first=holder.first,
            last=holder.last,
            notice=found.notice if found else "",
            told=found.time if found else 0,
            delivered=found is not None and found.delivered,
            acknowledged=found.acknowledged if found else 0,
            knew=bool(corrected) and holder.first >= corrected,
        )

    def _version(self, row: StoredRecord, number: int) -> Version:
        after = successor_of(self._chain.value, row.details.commitment)
        return Version(
            record=identifier(row.record),
            commitment=row.details.commitment,
            number=number,
            current=after is None,
            reason=after.reason if after else None,
            account=after.account if after else "",
            corrected=after.time if after else 0,
        )


def _is_one_line(rows: list[StoredRecord]) -> bool:
    """Tell whether rows are versions of one resource, numbered from 0; a destroyed one does not say any more."""
    left = [(number, row.details) for number, row in enumerate(rows) if not row.details.destroyed]
    resources = {(one.source, one.type, one.logical_id) for _, one in left}
    return len(resources) <= 1 and all(number == one.version for number, one in left)
