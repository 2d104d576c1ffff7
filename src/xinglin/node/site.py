"""Homes that run together on one machine: what a command, or the demonstration, acts with (design D7, D13).

The first home acts; the others keep the consortium chain with it, and are asked and told through their own services, as
other institutions are. Nothing of another home is opened before it is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.kernel.errors import NotFound
from xinglin.node.consortium.network import Network
from xinglin.node.node import Node, open_node, run_group
from xinglin.node.office.corrections import IndexedPersons, make_corrections
from xinglin.node.office.destruction import RecordsOffice, records_office
from xinglin.node.office.following import Followed, follow
from xinglin.node.office.notices import open_notices
from xinglin.node.records.archive import Archive, open_archive
from xinglin.node.records.post import SitePost
from xinglin.node.records.serving import Serving, open_serving
from xinglin.node.setup import COMETBFT, GROUP
from xinglin.service.basic.audit.projection import AccessProjection
from xinglin.service.basic.correction.service import Corrections, Parties
from xinglin.service.basic.notices.service import Notices

_BLOCK_SECONDS = 60.0

logger = logging.getLogger(__name__)


class HomeNotOpen(NotFound):
    """No home of a member or node is open here."""

    code, number, clause = "home.not_open", 6035, "S6.3b"
    en = "No home of {name} is open here."
    zh = "此处未打开 {name} 的节点目录。"
    hint_en = "Name its home with --with, or ask on the machine where it is."
    hint_zh = "请用 --with 指定其节点目录，或在其所在机器上操作。"


@dataclass(slots=True)
class Site:
    """Open homes whose chains run; the first is the one that acts."""

    nodes: Sequence[Node]
    _stack: ExitStack
    _archives: dict[str, Archive] = field(default_factory=dict)
    _servings: dict[str, Serving] = field(default_factory=dict)
    _notices: dict[str, Notices] = field(default_factory=dict)
    _corrections: dict[str, Corrections] = field(default_factory=dict)
    _office: list[RecordsOffice] = field(default_factory=list)
    followed: dict[str, Followed] = field(default_factory=dict)
    """What each home took in of new consents as its service was opened, by member."""

    @property
    def node(self) -> Node:
        """The home that acts."""
        return self.nodes[0]

    @property
    def archive(self) -> Archive:
        """The records of the home that acts, open for writing."""
        return self.archive_of(self.node)

    @property
    def serving(self) -> Serving:
        """The service of the home that acts."""
        return self.serving_of(self.node)

    def find(self, name: str) -> Node:
        """Return an open home by the id of its member or of its node.

        Raises:
            HomeNotOpen: there is none here.
        """
        for node in self.nodes:
            if name in (node.member, node.settings.node):
                return node
        raise HomeNotOpen(name=name)

    def archive_of(self, node: Node) -> Archive:
        """Return the records of a home, opened once; raises StorageMissing where a home keeps none."""
        if node.member not in self._archives:
            self._archives[node.member] = self._stack.enter_context(open_archive(node))
        return self._archives[node.member]

    def serving_of(self, node: Node) -> Serving:
        """Return the service of a home, which answers readers; opened once, and then follows what binds it."""
        if node.member not in self._servings:
            serving = self._stack.enter_context(open_serving(self.archive_of(node)))
            self._servings[node.member] = serving
            self.followed[node.member] = follow(serving)
            fault = self.followed[node.member].fault
            if fault is not None:  # the chain takes nothing now: that waits, and what is asked may not need it
                logger.warning("consents are not acknowledged: %s", fault.code)
        return self._servings[node.member]

    def trace_of(self, node: Node) -> AccessProjection:
        """Return the access trace of a home, up to date whenever it is asked."""
        return self.serving_of(node).trace

    def notices_of(self, node: Node) -> Notices:
        """Return the notices of a home, which reach the other open homes; opened once.

        Raises:
            NoPrivateChain, StorageMissing: a home that keeps no records takes in no notices.
        """
        if node.member not in self._notices:
            post = SitePost(lambda member: self.notices_of(self.find(member)))
            self._notices[node.member] = self._stack.enter_context(open_notices(self.archive_of(node), post))
        return self._notices[node.member]

    def corrections_of(self, node: Node) -> Corrections:
        """Return the corrections of a home: readers are those of its access trace, patients those of its index."""
        if node.member not in self._corrections:
            archive = self.archive_of(node)
            parties = Parties(self.trace_of(node), IndexedPersons(archive.persons), self.notices_of(node))
            self._corrections[node.member] = make_corrections(archive, parties)
        return self._corrections[node.member]

    @property
    def records_office(self) -> RecordsOffice:
        """Destruction and holds of the home that acts; raises TermShorter where its settings shorten a term."""
        if not self._office:
            self._office.append(self._stack.enter_context(records_office(self.archive)))
        return self._office[0]


@contextmanager
def open_site(homes: Sequence[Path], passphrase: bytes) -> Iterator[Site]:
    """Open homes and run their chains until the block ends.

    Args:
        homes: the one that acts first; those that keep the consortium chain with it after it.
        passphrase: of all their key stores.

    Raises:
        HomeNotFound, PassphraseWrong, StoreLocked: see ``open_node``.
        GroupRequired: not more than half of the founders' homes are named: they would make blocks that the others don't
            have.
        MajorityLost: not more than half of those that are named can go on from one height.
    """
    with ExitStack() as stack:
        nodes: list[Node] = []
        for path in dict.fromkeys(home.resolve() for home in homes):
            node = open_node(path, passphrase)
            stack.callback(node.close)
            nodes.append(node)
        if nodes[0].settings.consortium.engine == GROUP:
            _require_majority(nodes)
            stack.callback(run_group(nodes).engine.close)
        elif nodes[0].settings.consortium.engine == COMETBFT:
            stack.callback(Network(nodes).stop)
        else:
            for node in nodes:
                node.start_own_chains()
        # Decisions rest on the newest block: without one of now, everything would be as old as the last command.
        nodes[0].client().engine.submit_many([]).result(_BLOCK_SECONDS)
        with ExitStack() as services:
            yield Site(nodes, services)


def _require_majority(nodes: Sequence[Node]) -> None:
    """Refuse homes that are not more than half of those that founded the chain together."""
    rules = nodes[0].consortium.rules
    founders = {founder.member for founder in rules.genesis.founders}
    if 2 * len(founders & {node.member for node in nodes}) <= len(founders):
        raise GroupRequired(chain=rules.chain)
