"""Part 13: an episode sealed for a dispute, a late addition marked, opened by both sides, proven and reported."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.additions import add, body_weight
from xinglin.cli.demo.proving import verified
from xinglin.cli.demo.records import SOURCE
from xinglin.cli.demo.scene import Scene, refusal_of
from xinglin.cli.demo.stage import Stage
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.destruction import records_office
from xinglin.node.office.episodes import (
    PersonKey,
    draft_episode,
    new_person_key,
    open_episode,
    open_episodes,
    prove_episode,
    report_episode,
    seal_episode,
)
from xinglin.node.office.proofs import collect_checkpoint, trust_of
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import Archive
from xinglin.service.basic.destruction.facts import ENCOUNTER, occasion_of
from xinglin.service.basic.episodes.model import SealReason
from xinglin.service.basic.episodes.service import Draft, Episodes, NewEpisode
from xinglin.stakeholders.kinds import Role

EPISODE_BUNDLE, REPORT_HTML, REPORT_PDF = "episode.proof", "episode-report.html", "episode-report.pdf"
_STATEMENT = "The patient, identity checked by two of the staff"
_MOST = 40
"""Records of the encounter that is chosen, at most: enough to see, quickly shown."""


@dataclass(frozen=True, slots=True)
class _Encounter:
    """The encounter that is disputed: its id at the source, and its patient's."""

    occasion: str
    patient: str


def seal(scene: Scene) -> None:
    """Seal, add, open, prove, report."""
    stage, archive = scene.stage, scene.a.archive
    stage.head("13. An episode is sealed for a dispute")
    chosen = _disputed(scene)
    officer = add_account(scene.hospital_a, (Role.COMPLIANCE_OFFICER,), "Officer of hospital A for disputes")
    person = new_person_key(archive)
    with open_episodes(archive) as episodes:
        new = NewEpisode(
            source=SOURCE,
            encounter=chosen.occasion,
            reason=SealReason.DISPUTE,
            account=officer.account,
            account_key=officer.key,
            statement=_STATEMENT,
            person_key=person.signer.key,
        )
        draft = draft_episode(archive, episodes, new)
        _sealed(stage, archive, episodes, draft, officer.account, person)
        _kept(scene, draft)
        _late(scene, episodes, draft, chosen)
        _opened(stage, archive, episodes, draft, officer.account, person)
    _proven(scene, draft)


def _kept(scene: Scene, draft: Draft) -> None:
    """While it is sealed, nobody orders the destruction of its records."""
    officer = add_account(scene.hospital_a, (Role.COMPLIANCE_OFFICER,), "Records officer who tries too early")
    with records_office(scene.a.archive) as office:
        code = refusal_of(lambda: office.order(draft.records[:1], "retention_ended", officer.account))
    scene.stage.expect(code, "destruction.sealed", "what is sealed is not destroyed")
    scene.stage.say(f"  an order to destroy one of its records: refused [{code}]")


def _disputed(scene: Scene) -> _Encounter:
    """Return the encounter at A with most records, of those with at most forty."""
    archive = scene.a.archive
    counts: Counter[_Encounter] = Counter()
    for person in archive.persons.persons():
        rows = scene.rows(person)
        known = {occasion_of(row): row.details for row in rows if row.details.type == ENCOUNTER}
        own = {
            name: _Encounter(one.logical_id.decode(), one.subject.decode())
            for name, one in known.items()
            if one.source == SOURCE.encode()
        }
        counts.update(own[name] for row in rows if (name := occasion_of(row)) in own)
    fit = [(count, one.occasion, one) for one, count in counts.items() if count <= _MOST]
    return max(fit)[2]


def _sealed(stage: Stage, archive: Archive, episodes: Episodes, draft: Draft, account: str, person: PersonKey) -> None:
    status = seal_episode(archive, episodes, draft, account, person.signer.sign(draft.message))
    stage.require(status["complete"], "the set is every record of the encounter")
    stage.require(status["unchanged"], "the set is what both sides signed")
    stage.require(len(status["held"]) == len(draft.records), "all of them are held")
    stage.say(
        f"episode {draft.episode}: {len(draft.records)} records, all that name the encounter, one root, reason: dispute"
    )
    stage.say("  signed by an account of hospital A and by the patient's own fresh key; on A's private chain")


def _late(scene: Scene, episodes: Episodes, draft: Draft, chosen: _Encounter) -> None:
    """A record that comes to the encounter afterwards is marked, and is not of the set."""
    stage = scene.stage
    now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC).isoformat(timespec="seconds")
    add(stage, scene.a.archive, SOURCE, [body_weight(chosen.patient, chosen.occasion, now, 70.5)])
    stage.require(episodes.add_late() == 1, "a record that came later is marked")
    status = episodes.looking.status(draft.episode)
    stage.require(len(status.late) == 1 and status.unchanged and status.complete, "the sealed set stays as it is")
    stage.require(status.records == draft.records, "what came later is not of the set")
    stage.say(
        f"  a record comes to the encounter: marked as late addition 1; the set of {len(draft.records)} is unchanged"
    )


def _opened(stage: Stage, archive: Archive, episodes: Episodes, draft: Draft, account: str, person: PersonKey) -> None:
    proposed = open_episode(archive, episodes, draft.episode, person.signer)
    stage.require(len(proposed["opening"]) == 1, "one side alone does not open it")
    opened = open_episode(archive, episodes, draft.episode, account)
    sides = [one["side"] for one in opened["opening"]]
    stage.require(sides == ["patient", "institution"], "both sides have opened it")
    stage.say("  opened by both sides: proposed by the patient's key, approved by the hospital's account")


def _proven(scene: Scene, draft: Draft) -> None:
    """Anchor, have a checkpoint cosigned, write bundle and report, and let the independent verifier judge."""
    stage, node = scene.stage, scene.hospital_a
    anchoring(node).step()
    scene.fresh()
    note = collect_checkpoint(scene.group.nodes)
    bundle = prove_episode(scene.a.archive, draft.episode)
    report = report_episode(bundle, trust_of(node.consortium))
    for name, data in ((EPISODE_BUNDLE, bundle), (REPORT_HTML, report["html"]), (REPORT_PDF, report["pdf"])):
        write_durably(stage.folder / name, data, 0o644)
    stage.require(report["pdf"].startswith(b"%PDF-") and b"<html" in report["html"], "the report is written")
    said = verified(stage, EPISODE_BUNDLE)
    stage.say(f"  {EPISODE_BUNDLE}: {len(bundle)} bytes, under checkpoint {note.head.height}; {said}")
    stage.say(f"  one page in Chinese and English: {REPORT_HTML}, {REPORT_PDF}; what is proven, and what is not")
    stage.figures["sealed"] = {"episode": draft.episode, "records": len(draft.records), "bundle_bytes": len(bundle)}
