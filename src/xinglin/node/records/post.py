"""The post between homes that are open together: letters and acknowledgements go into the other home's inbox (H12).

The other home takes them in as if they had come over a wire: it verifies them by its own chain, stores them, and has
them on its private chain before it answers. Between machines the same port is implemented over a channel.
"""

from __future__ import annotations

from collections.abc import Callable

from xinglin.kernel.errors import NotFound
from xinglin.service.basic.notices.errors import PostUnavailable
from xinglin.service.basic.notices.service import Notices


class SitePost:
    """Implements the port ``Post`` on the other open homes.

    Args:
        inbox: returns the notices of a member's home; raises NotFound where none is open here, or it keeps none.
    """

    def __init__(self, inbox: Callable[[str], Notices]) -> None:
        self._inbox = inbox

    def deliver(self, member: str, letter: bytes) -> bytes | None:
        """See ``Post.deliver``; raises PostUnavailable where no home of the member is open here."""
        return self._of(member).receive(letter)

    def acknowledged(self, member: str, acknowledgement: bytes) -> None:
        """See ``Post.acknowledged``; raises as ``deliver``."""
        self._of(member).acknowledged(acknowledgement)

    def _of(self, member: str) -> Notices:
        try:
            return self._inbox(member)
        except NotFound:
            raise PostUnavailable(member=member) from None
