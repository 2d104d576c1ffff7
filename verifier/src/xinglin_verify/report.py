"""The report of a verification, and how it is shown: one line a step, the verdict last; or one JSON object.

Text that comes from a bundle is shown with control characters escaped, so that it can't rewrite the report.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from enum import Enum

from xinglin_verify import words
from xinglin_verify.case import Facts, Moment, Scalar, Word


class Verdict(Enum):
    """What a verification comes to; the value is the exit status."""

    HOLDS = 0
    DOES_NOT_HOLD = 1
    NOT_TRUSTED = 3
    UNDECIDED = 4


class StepVerdict(Enum):
    """What one step comes to; OPEN has passed but leaves the trust open."""

    HOLDS = "holds"
    OPEN = "open"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Step:
    """One step of the verification: its number in the specification, its verdict, its sentence's key, the facts."""

    number: int
    verdict: StepVerdict
    sentence: str
    facts: Facts

    def title(self, language: str = "en") -> str:
        """Return the step's title."""
        return _in(language, words.TITLES[self.number])

    def text(self, language: str = "en") -> str:
        """Return the step's sentence with its facts."""
        shown = {name: _shown(value, language) for name, value in self.facts.items()}
        return _in(language, words.SENTENCES[self.sentence]).format_map(shown)


@dataclass(frozen=True)
class Report:
    """All steps that were taken, in order, and the verdict."""

    steps: tuple[Step, ...]
    verdict: Verdict

    @property
    def failed(self) -> Step | None:
        """The step that ended the verification, if one did."""
        last = self.steps[-1]
        return last if last.verdict in (StepVerdict.FAILS, StepVerdict.UNDECIDED) else None

    def lines(self, language: str = "en") -> list[str]:
        """Return the report for people: a line for each step with its number, the verdict last."""
        lines = []
        for step in self.steps:
            verdict = _in(language, words.STEP_VERDICTS[step.verdict.value])
            separator = ": " if language == "en" else "："
            lines.append(f"P{step.number:<2} {verdict:9} {step.title(language)}{separator}{step.text(language)}")
        verdict = _in(language, words.VERDICTS[self.verdict.name.lower()])
        last = _in(language, words.LAST_LINE)
        return [*lines, last.format(verdict=verdict, status=self.verdict.value)]

    def as_json(self, language: str = "en") -> str:
        """Return the report for machines: one JSON object, times in milliseconds since 1970 UTC."""
        steps = [
            {
                "step": f"P{step.number}",
                "title": step.title(language),
                "verdict": step.verdict.value,
                "reason": step.sentence,
                "text": step.text(language),
                "facts": step.facts,
            }
            for step in self.steps
        ]
        report = {"verdict": self.verdict.name.lower(), "status": self.verdict.value, "steps": steps}
        return json.dumps(report, indent=2)


def undecided(number: int, reason: str, **facts: Scalar) -> Report:
    """Return the report of a verification that ended in its first step because something could not be read."""
    return Report((Step(number, StepVerdict.UNDECIDED, reason, facts),), Verdict.UNDECIDED)


def readable(text: bytes) -> str:
    """Return people's text from a bundle as one line without control characters, whatever its bytes are."""
    decoded = text.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in decoded)


def _in(language: str, pair: tuple[str, str]) -> str:
    return pair[words.LANGUAGES.index(language)]


def _shown(value: Scalar | tuple[Scalar, ...], language: str) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(one, language) for one in value)
    if isinstance(value, Word):
        return _in(language, words.TERMS[value])
    return date(value) if isinstance(value, Moment) else str(value)


def date(moment: Moment) -> str:
    """Return a time as people write it; one beyond the calendar is left as milliseconds."""
    seconds, milliseconds = divmod(int(moment), 1000)
    try:
        date = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{int(moment)} ms"
    return f"{date:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
