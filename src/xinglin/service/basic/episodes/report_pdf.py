"""The report on a sealed episode as one page of PDF (S1.1; docs/adr/0022-report-pdf.md).

Chinese is set in a font of Adobe's GB1 collection, which PDF readers bring along: no font is in the file or the
package. The same report gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import KeepInFrame, Paragraph, SimpleDocTemplate, Table, TableStyle

from xinglin.service.basic.episodes.report import EpisodeReport
from xinglin.service.basic.episodes.report_words import HEADINGS, Pair

FONT: Final = "STSong-Light"
MARGIN: Final = 11 * mm
WIDTH: Final = A4[0] - 2 * MARGIN
_TEXT: Final = ParagraphStyle("text", fontName=FONT, fontSize=7.6, leading=10, wordWrap="CJK")
_TITLE: Final = ParagraphStyle("title", parent=_TEXT, fontSize=15, leading=20, spaceAfter=4)
_HEADING: Final = ParagraphStyle("heading", parent=_TEXT, fontSize=9, leading=13, spaceBefore=5)
_ITEM: Final = ParagraphStyle("item", parent=_TEXT, leftIndent=8, bulletIndent=0)
_GRID: Final = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.4, HexColor("#999999")),
        ("BACKGROUND", (0, 0), (0, -1), HexColor("#f2f2f2")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
)


def pdf_of(report: EpisodeReport) -> bytes:
    """Return the page, A4; made smaller where it would not fit."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    written = BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=" / ".join(report.title),
        author="Xinglin",
        invariant=1,  # no time and no random id in the file
    )
    height = A4[1] - 2 * MARGIN - 12
    document.build([KeepInFrame(WIDTH - 12, height, _content(report), mode="shrink")])
    return written.getvalue()


def _content(report: EpisodeReport) -> list[Any]:
    rows = [[_paragraph(row.label, " "), _paragraph(row.value)] for row in report.rows]
    content: list[Any] = [
        Paragraph(_joined(report.title, " / "), _TITLE),
        Table(rows, colWidths=[0.3 * WIDTH - 12, 0.7 * WIDTH], style=_GRID),
    ]
    for name, heading in HEADINGS.items():
        content.append(Paragraph(_joined(heading, " / "), _HEADING))
        content += _items(getattr(report, name))
    return content


def _items(lines: Sequence[Pair]) -> list[Any]:
    return [Paragraph(_joined(line, "<br/>"), _ITEM, bulletText="•") for line in lines]


def _paragraph(pair: Pair, between: str = "<br/>") -> Any:
    return Paragraph(_joined(pair, between), _TEXT)


def _joined(pair: Pair, between: str) -> str:
    """Return both languages, or the one where they are the same; what stands in a bundle is shown as text."""
    return escape(pair[0]) if pair[0] == pair[1] else escape(pair[0]) + between + escape(pair[1])
