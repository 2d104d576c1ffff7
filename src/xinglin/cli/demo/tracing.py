"""Part 10: who has seen a patient's record: complete, and compared with what the readers' institution noted."""

from __future__ import annotations

from xinglin.cli.demo.choosing import Cast
from xinglin.cli.demo.scene import Scene
from xinglin.node.access import open_trace
from xinglin.node.opening import anchoring


def trace(scene: Scene, chosen: Cast) -> None:
    """Answer the patient's question from A's private chain, and compare it with B's."""
    stage, a, b = scene.stage, scene.hospital_a, scene.hospital_b
    stage.head("10. Who has seen my data")
    anchoring(a).step()
    anchoring(b).step()
    record = scene.record(chosen.counter, b"Observation")
    with open_trace(a) as at_a, open_trace(b) as at_b:
        complete, entries = at_a.completeness(record), at_a.entries_of([record])
        stage.require(complete.complete, "the list of reads leads to the head on the private chain")
        stage.require(not at_b.open_twins(0), "every request of B has its receipt")
        given = at_a.recipients(record)
        stage.require([one.account for one in given] == [scene.reader.account], "one account has seen the record")
    stage.say(f"who has seen this record: account {given[0].account} of {b.settings.name}; the list is complete")
    stage.say(
        f"  {len(entries)} entries on A's private chain, refusals among them; B has a twin of each of its requests"
    )
    stage.say(
        f"  {scene.wire.answers} answers of A in all, the entry of each found on its chain before the answer left"
    )
    stage.figures |= {"access_entries": len(entries), "answers": scene.wire.answers}
