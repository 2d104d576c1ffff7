"""The report on a sealed episode: one page in both languages, of what the bundle says and nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from tests.support.episode_world import STATEMENT, Proofs, proofs
from xinglin.carrier.ledger.bundle_model import EpisodeBundle
from xinglin.carrier.ledger.errors import ProofInvalid
from xinglin.kernel.encoding import decode, pack
from xinglin.node.office.episodes import report_episode
from xinglin.service.basic.episodes.report import EpisodeReport, Row, report_of, shown_time
from xinglin.service.basic.episodes.report_html import html_of
from xinglin.service.basic.episodes.report_pdf import pdf_of
from xinglin.service.basic.episodes.report_words import LABELS, NOT_PROVEN, PROVEN, STANDING

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Proofs:
    return proofs(tmp_path_factory.mktemp("episode"))


def value(report: EpisodeReport, name: str) -> tuple[str, str]:
    return next(row.value for row in report.rows if row.label == LABELS[name])


@pytest.mark.requirement("S1.1")
def test_it_says_what_is_proven_and_what_not_in_both_languages(shown: Proofs) -> None:
    report = report_of(shown.bundles["added to"], shown.trust)
    assert report.not_proven == NOT_PROVEN
    assert len(report.proven) == len(PROVEN)
    for chinese, english in (report.title, *report.proven, *report.not_proven, *report.check):
        assert CHINESE.search(chinese)
        assert not CHINESE.search(english)
        assert not re.search(r"[{}]", chinese + english)
    bundle = decode(EpisodeBundle, shown.bundles["added to"])
    assert value(report, "episode")[0] == bundle.subject
    assert value(report, "set")[0].startswith("5; ")
    assert value(report, "late")[0].startswith("2 (")
    assert "3" in report.readers[0][0]
    assert value(report, "standing")[1].startswith(f"{STANDING[1][1]} patient ")


def test_it_speaks_of_what_the_bundle_shows(shown: Proofs) -> None:
    report = report_of(shown.bundles["sealed"], shown.trust)
    said = "".join(english for _, english in report.proven)
    assert "registered on the consortium chain" not in said
    assert "access entries" not in said
    assert report.readers == [("本证明包未展示访问记录", "this bundle shows no access entries")]
    opened = report_of(shown.bundles["opened"], shown.trust)
    assert "institution" in value(opened, "standing")[1]
    assert value(opened, "registered")[0].startswith("7; ")


def test_without_trust_it_says_that_nothing_was_compared(shown: Proofs) -> None:
    trusted, open_ = (report_of(shown.bundles["opened"], trust) for trust in (shown.trust, None))
    assert value(trusted, "verdict") != value(open_, "verdict")
    assert "no trust was given" in value(open_, "verdict")[1]


def test_of_what_does_not_hold_there_is_no_report(shown: Proofs) -> None:
    bundle = decode(EpisodeBundle, shown.bundles["sealed"])
    with pytest.raises(ProofInvalid):
        report_of(pack(replace(bundle, records=bundle.records[1:])), shown.trust)


@pytest.mark.requirement("S1.1")
def test_the_pages_are_one_page_each_and_the_same_each_time(shown: Proofs) -> None:
    first, second = (report_episode(shown.bundles["added to"], shown.trust) for _ in range(2))
    assert first == second
    assert first["pdf"].startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", first["pdf"])) == 1
    assert b"STSong-Light" in first["pdf"]
    assert b"/FontFile" not in first["pdf"]
    assert len(first["pdf"]) < 50_000
    for content in first.values():
        assert STATEMENT.encode() not in content


class Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_a_bundle_says_is_shown_as_text() -> None:
    """The name of an institution is its own: it must not become part of the page."""
    nasty = '<script>alert("医院")</script> & <b>'
    pair = (nasty, nasty)
    report = EpisodeReport(pair, [Row(pair, pair)], [pair], [pair], [pair], [pair])
    page = Tags()
    page.feed(html_of(report).decode())
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert page.text.count("alert") == 10
    assert pdf_of(report).startswith(b"%PDF-")


def test_a_long_report_still_is_one_page(shown: Proofs) -> None:
    report = report_of(shown.bundles["added to"], shown.trust)
    long = EpisodeReport(report.title, report.rows, report.readers * 60, report.proven, report.not_proven, report.check)
    assert len(re.findall(rb"/Type /Page\b", pdf_of(long))) == 1


@pytest.mark.parametrize(("time", "text"), [(0, "1970-01-01 00:00:00 UTC"), (2**62, f"{2**62} ms")])
def test_a_time_is_shown_or_left_as_it_is(time: int, text: str) -> None:
    assert shown_time(time) == text
