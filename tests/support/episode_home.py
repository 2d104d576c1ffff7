"""An institution that seals episodes: real files, chains in memory, and a relative with a key of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tests.support.contract_parties import Key
from tests.support.correction_home import CorrectionHome
from xinglin.service.basic.episodes.model import SealReason, Side
from xinglin.service.basic.episodes.service import Draft, Episodes, NewEpisode, Sealing
from xinglin.service.basic.episodes.store import EpisodeStore
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.stakeholders.kinds import Role


class MemoryHolds:
    """The port ``Holds``: which records each episode holds."""

    def __init__(self) -> None:
        self.held: dict[str, set[bytes]] = {}
        self.calls = 0

    def place(self, episode: str, commitments: Sequence[bytes]) -> None:
        self.calls += 1
        self.held.setdefault(episode, set()).update(commitments)

    def lift(self, episode: str, commitments: Sequence[bytes]) -> None:
        self.calls += 1
        self.held.get(episode, set()).difference_update(commitments)


class EpisodeHome(CorrectionHome):
    """See the module; ``staff`` is the institution's account, ``relative`` the key of the other side."""

    def __init__(self, folder: Path) -> None:
        self.episode_keys: InstitutionKeys | None = None
        self.holds = MemoryHolds()
        super().__init__(folder)
        self.relative = Key(self.homes.suite)
        self.account, self.staff = self.homes.here.party.accounts[Role.PRACTITIONER]

    def close(self) -> None:
        """Close the home."""
        self.episodes.store.close()
        super().close()

    def new(self, encounter: str = "e1", **changes: object) -> NewEpisode:
        """Return what is to be sealed."""
        values: dict[str, object] = {
            "source": "his",
            "encounter": encounter,
            "reason": SealReason.DISPUTE,
            "account": self.account,
            "account_key": self.staff.public,
            "statement": "儿子 张三",
            "person_key": self.relative.public,
        }
        return NewEpisode(**{**values, **changes})  # type: ignore[arg-type]

    def signatures(self, draft: Draft) -> tuple[bytes, bytes]:
        """Return both sides' signatures of a set that was drawn up."""
        return self.staff.sign(draft.message), self.relative.sign(draft.message)

    def sealed(self, encounter: str = "e1") -> str:
        """Seal an encounter and return the episode."""
        draft = self.episodes.draft(self.new(encounter))
        self.episodes.seal(draft.episode, *self.signatures(draft))
        return draft.episode

    def open_by(self, episode: str, side: Side) -> None:
        """Let one side propose to open, or open."""
        message = self.episodes.open_message(episode)
        key, account = (self.staff, self.account) if side is Side.INSTITUTION else (self.relative, "")
        self.episodes.open_by(episode, side, key.public, key.sign(message), account)

    def _join(self) -> None:
        super()._join()
        here, intake = self.homes.here, self.intake
        keys = intake.storage.keyring.keys
        sealing = Sealing(here.member, here.chain, self.homes.suite, here.office.values, self.homes.clock, os.urandom)
        store = EpisodeStore(self.folder / "episodes", keys)
        store.open()
        self.episodes = Episodes(sealing, intake.storage.vault, intake.outbox, store, self.holds)
