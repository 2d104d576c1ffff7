"""The episode, the correction and the notices of the vectors' private chain (docs/spec/episode.md and others)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tools.vectors.keys import FixedKey, fixed_bytes, fixed_id
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.model import Operation
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.correction.model import LinkCorrection, Reason
from xinglin.service.basic.episodes.model import (
    AddLate,
    InstitutionSide,
    OpenEpisode,
    PatientSide,
    SealEpisode,
    SealReason,
    Side,
)
from xinglin.service.basic.episodes.rules import open_message, seal_message, subject_commitment
from xinglin.service.basic.notices.model import AcknowledgeNotice, NoticeKind, ReceiveNotice, Recipient, SendNotice
from xinglin.stakeholders.kinds import Role

if TYPE_CHECKING:
    from tools.vectors.world import World

SEALED, LATE = (0, 2, 3), (4,)
"""Which records of the world are sealed, and which come later."""


class Dossiers:
    """What the first hospital seals, corrects and tells."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.episode = fixed_id("episode")
        self.relative = FixedKey(world.suite, "relative")

    def log(self, name: str) -> None:
        """Submit what belongs to a block of the private chain: the sealing in the second, all else in the third."""
        for call in self._second() if name == "second" else self._third():
            self._world.private.submit([call], self._world.key("hospital-a"))

    def commitments(self, numbers: tuple[int, ...] = SEALED) -> tuple[bytes, ...]:
        """Return the commitments of records of the world, those that are sealed when none are named."""
        return tuple(self._world.records[number].digests.commitment for number in numbers)

    def seal(self) -> SealEpisode:
        """Return the sealing, signed by both sides."""
        world, hash_ = self._world, self._world.suite.hash
        hospital = world.members["hospital-a"]
        staff, commitments = hospital.account_key(Role.PRACTITIONER), self.commitments()
        person = tagged(hash_, Tag.PERSON, fixed_bytes("relative salt", 16), "儿子".encode())
        draft = SealEpisode(
            episode=self.episode,
            subject=subject_commitment(hash_, fixed_bytes("episode salt", 16), b"his", b"encounter"),
            root=world.suite.merkle_roots_of([list(commitments)])[0],
            count=len(commitments),
            reason=SealReason.DISPUTE,
            institution=InstitutionSide(hospital.account(Role.PRACTITIONER), staff.public, bytes(64)),
            patient=PatientSide(person, self.relative.public, bytes(64)),
        )
        message = seal_message(hash_, world.private.ledger.rules.chain, draft)
        return replace(
            draft,
            institution=replace(draft.institution, signature=staff.sign(message)),
            patient=replace(draft.patient, signature=self.relative.sign(message)),
        )

    def _second(self) -> list[Operation]:
        """The episode is sealed; a sealing that one side did not sign is refused."""
        seal = self.seal()
        alone = replace(seal, episode=fixed_id("another episode"))
        return [self._call("episode", "seal", seal), self._call("episode", "seal", alone)]

    def _third(self) -> list[Operation]:
        """A late addition; the other side proposes to open; a correction; a notice out, in, and acknowledged."""
        world = self._world
        seal, chain = self.seal(), world.private.ledger.rules.chain
        message = open_message(world.suite.hash, chain, self.episode, seal.subject, seal.root)
        opening = OpenEpisode(self.episode, Side.PATIENT, (), self.relative.public, self.relative.sign(message))
        account = world.members["hospital-a"].account(Role.PRACTITIONER)
        old, new = self.commitments((2, 4))
        link = LinkCorrection(old, new, Reason.WRONG_VALUE, account)
        reader = Recipient(world.members["hospital-b"].member, (world.members["hospital-b"].account(Role.SERVICE),))
        notice = SendNotice(fixed_id("notice"), NoticeKind.CORRECTION, reader, old, fixed_bytes("letter", 32), 2**41)
        own = world.members["hospital-a"].member
        patient = Recipient(own, subject=(fixed_bytes("subject", 32),))
        came = ReceiveNotice(fixed_id("notice"), NoticeKind.VALUABLE_CHANGE, reader.member, patient, *_rest(notice))
        return [
            *(self._call("episode", "late", AddLate(self.episode, one)) for one in self.commitments(LATE)),
            self._call("episode", "propose_open", opening),
            self._call("correction", "link", link),
            self._call("correction", "link", replace(link, new=bytes(32))),  # corrected already: refused
            self._call("notice", "send", notice),
            self._call("notice", "received", came),
            self._call("notice", "acknowledge", AcknowledgeNotice(own, notice.notice, fixed_bytes("said", 32))),
        ]

    def _call(self, contract: str, method: str, arguments: ChainObject) -> Operation:
        return operation(self._world.suite, contract, method, arguments)


def _rest(notice: SendNotice) -> tuple[bytes, bytes, int]:
    return notice.about, notice.text, notice.due
