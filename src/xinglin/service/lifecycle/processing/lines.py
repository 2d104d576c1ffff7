"""Files of rules: tab-separated columns, a rule in a line, its id first; ``#`` begins a comment.

Takes text and says which line is at fault; what the columns mean is left to the reader of each file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from xinglin.service.lifecycle.processing.errors import RuleMalformed, RuleRepeated

RULE_ID: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class Line(NamedTuple):
    """One rule as written.

    Attributes:
        file: name for messages.
        number: from 1.
        columns: as many as the file's form has; the first is the rule id.
    """

    file: str
    number: int
    columns: Sequence[str]

    def fault(self, reason: str) -> RuleMalformed:
        """Return the refusal of this line."""
        return RuleMalformed(file=self.file, line=self.number, reason=reason)


def read_lines(text: str, file: str, columns: int) -> Iterator[Line]:
    """Yield the rules of a file.

    Args:
        text: of the file.
        file: name for messages.
        columns: how many each rule has.

    Raises:
        RuleMalformed: another number of columns, or an id of another form.
        RuleRepeated: two rules have one id.
    """
    seen: set[str] = set()
    for number, written in enumerate(text.splitlines(), start=1):
        if not written.strip() or written.startswith("#"):
            continue
        line = Line(file, number, [part.strip() for part in written.split("\t")])
        if len(line.columns) != columns:
            raise line.fault(f"{len(line.columns)} columns, not {columns}")
        rule = line.columns[0]
        if not RULE_ID.fullmatch(rule):
            raise line.fault("the id is not a lower-case name")
        if rule in seen:
            raise RuleRepeated(file=file, line=number, rule=rule)
        seen.add(rule)
        yield line
