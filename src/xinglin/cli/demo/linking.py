"""Part 6: the hospitals sign an agreement, and B asks A for each of its patients, by description."""

from __future__ import annotations

from collections import Counter

from xinglin.cli.demo.scene import Scene, agree, refusal_of
from xinglin.kernel.encoding import decode
from xinglin.node.office.linking import match_person
from xinglin.node.records.serving import described
from xinglin.service.basic.patient_index.model import Grade, Traits
from xinglin.stakeholders.purposes import Purpose


def link(scene: Scene) -> None:
    """Sign the agreement and link B's patients with A's."""
    stage, a, b = scene.stage, scene.a, scene.b
    stage.head("6. Hospital B looks for its patients at hospital A")
    persons = list(b.archive.persons.persons())
    stage.expect(_matched(scene, persons[0]), "agreement.missing", "nobody is matched without an agreement")
    stage.say("without an agreement A answers nobody [agreement.missing]")
    agreements = agree(a, b), agree(b, a)
    stage.say(f"agreements {' and '.join(agreements)}, one each way, signed by both: treatment, emergency,")
    stage.say("  research, patients' own requests, for twenty years")
    graded: Counter[str] = Counter()
    for at_b in persons:
        code = _matched(scene, at_b)
        matches = a.archive.persons.match(decode(Traits, described(b.archive.persons, at_b)), 2)
        sure = [one for one in matches if one.grade is Grade.MATCH]
        stage.require((code == "") == (len(sure) == 1), "B is given a link where A is sure, and nowhere else")
        graded["match" if not code else "possible" if matches and matches[0].grade is not Grade.NONE else "none"] += 1
        if not code:
            handle = next(one.handle for one in b.archive.persons.links(at_b) if one.node == a.member)
            stage.require(a.archive.persons.person_by_handle(b.member, handle) == sure[0].person, "both know the link")
            scene.linked[sure[0].person] = at_b
    figures = {name: graded[name] for name in ("match", "possible", "none")}
    stage.say(
        f"{len(persons)} patients of B described to A, for treatment: {figures['match']} match, {figures['possible']} "
        f"possible, {figures['none']} none"
    )
    stage.say(
        "a match gives B a link of 16 random bytes; anything else is one answer [reading.no_match]; no chain sees it"
    )
    stage.figures["matching"] = figures


def _matched(scene: Scene, at_b: bytes) -> str:
    """Ask A for one patient of B, and keep the link; return the code of the refusal, empty for a link."""
    scene.fresh()
    account = scene.reader.account
    return refusal_of(lambda: match_person(scene.b, scene.wire, account, Purpose.TREAT, at_b))
