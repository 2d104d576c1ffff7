"""Progress of long work: a bar with rate and time, on a terminal only (design D12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from xinglin.service.basic.intake.model import IntakeReport


@dataclass(slots=True)
class RecordsProgress:
    """A bar over files, with the records done so far and their rate."""

    bar: Progress
    task: TaskID

    def file_done(self) -> None:
        """One more file has been read."""
        self.bar.advance(self.task)

    def report(self, report: IntakeReport) -> None:
        """So much has been registered."""
        elapsed = self.bar.tasks[self.task].elapsed or 0.0
        rate = f"{report.accepted / elapsed:,.0f}/s" if elapsed > 0 else ""
        self.bar.update(self.task, records=f"{report.accepted:,} records {rate}")


@contextmanager
def records_progress(console: Console, files: int, name: str = "intake") -> Iterator[RecordsProgress]:
    """Show a bar while records are taken in."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[records]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        yield RecordsProgress(bar, bar.add_task(name, total=files, records=""))
