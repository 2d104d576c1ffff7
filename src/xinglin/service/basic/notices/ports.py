"""What notices need from outside: a way to other members' homes, and the consortium chain's registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xinglin.service.basic.notices.errors import PostUnavailable

Values = Callable[[bytes], bytes | None]
"""Gives values of the consortium chain's state by key, such as ``Ledger.value``."""


class Post(Protocol):
    """Carries letters and acknowledgements to other members' homes."""

    def deliver(self, member: str, letter: bytes) -> bytes | None:
        """Hand a signed letter to the home of a member.

        MUST return only when that home has it durably; handing it over again MUST be harmless.

        Returns: the signed acknowledgement, where that home has one already.

        Raises:
            PlatformError: it can't be handed over now, or is refused there.
        """
        ...

    def acknowledged(self, member: str, acknowledgement: bytes) -> None:
        """Hand a signed acknowledgement back to the home of the member that sent the notice; as ``deliver``."""
        ...


class NoPost:
    """A home without a way to others: what is for them waits."""

    def deliver(self, member: str, letter: bytes) -> bytes | None:
        """Refuse; see ``Post.deliver``."""
        del letter
        raise PostUnavailable(member=member)

    def acknowledged(self, member: str, acknowledgement: bytes) -> None:
        """Refuse; see ``Post.acknowledged``."""
        del acknowledgement
        raise PostUnavailable(member=member)
