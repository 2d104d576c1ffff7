"""Part 6: the hospitals sign an agreement, and B asks A for each of its patients, by description."""

from __future__ import annotations

from collections import Counter

from xinglin.cli.demo.scene import Scene, agree
from xinglin.kernel.encoding import decode
from xinglin.node.serving import described
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.patient_index.model import Grade, Traits
from xinglin.service.basic.reading.deciding import MATCH, match_name
from xinglin.stakeholders.purposes import Purpose


def link(scene: Scene) -> None:
    """Sign the agreement and link B's patients with A's."""
    stage, a, b = scene.stage, scene.a, scene.b
    stage.head("6. Hospital B looks for its patients at hospital A")
    persons = list(b.archive.persons.persons())
    found, _ = _asked(scene, persons[0])
    stage.require(found == "agreement.missing", "nobody is matched without an agreement")
    stage.say("without an agreement A answers nobody [agreement.missing]")
    agreement = agree(a, b)
    stage.say(f"agreement {agreement} signed by both: treatment, emergency, research; three categories, a year")
    graded: Counter[str] = Counter()
    for at_b in persons:
        code, answer = _asked(scene, at_b)
        matches = a.archive.persons.match(decode(Traits, described(b.archive.persons, at_b)), 2)
        sure = [one for one in matches if one.grade is Grade.MATCH]
        stage.require((code == "") == (len(sure) == 1), "B is given a link where A is sure, and nowhere else")
        graded["match" if not code else "possible" if matches and matches[0].grade is not Grade.NONE else "none"] += 1
        if not code:
            stage.require(a.archive.persons.person_by_handle(b.member, answer) == sure[0].person, "a link leads back")
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


def _asked(scene: Scene, at_b: bytes) -> tuple[str, bytes]:
    """Ask A for one patient of B; return the code of the refusal, or the link."""
    scene.fresh()
    traits = described(scene.b.archive.persons, at_b)
    asked = Asked("person", match_name(scene.hospital_b.consortium.rules.suite, traits))
    received = scene.b.reader.ask(scene.wire, scene.reader, asked, MATCH, Purpose.TREAT, payload=traits)
    refusal = received.refusal()
    if refusal is None:
        return "", received.answer.link[0]
    scene.stage.require(refusal.code in ("agreement.missing", "reading.no_match"), "a match is refused as it should be")
    return refusal.code, b""
