"""Files of rules: the product's own are whole, an institution's are refused with their line where they are at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinglin.kernel.errors import PlatformError
from xinglin.service.lifecycle.processing.classification import tables as classification
from xinglin.service.lifecycle.processing.deidentification import tables as deidentification
from xinglin.service.lifecycle.processing.errors import RuleLaxer, RuleMalformed, RuleRepeated, RulesUnreadable
from xinglin.service.lifecycle.processing.homes import MAX_BYTES, copy_rules, label_rules

GOOD = "own.a\t*\t*\ticd-10\tZ99*\t-\t5\t-\tboard\n"


SHORT_WORD = "a word has three Latin letters or digits to begin with, or a character of another script"


def row(**columns: str) -> str:
    names = ("id", "types", "element", "system", "codes", "category", "level", "special", "source")
    given = dict(zip(names, GOOD.strip().split("\t"), strict=True)) | columns
    return "\t".join(given.values()) + "\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("own.a\tPatient\n", "2 columns, not 9"),
        (row(id="Own A"), "the id is not a lower-case name"),
        (row(types="Pateint"), "R4 has no resource type 'Pateint'"),
        (row(element="a b"), "'a b' is not an element"),
        (row(system="icd"), "code system 'icd' has no row in systems.tsv"),
        (row(codes="*"), "'*' is neither a code, a beginning nor a range"),
        (row(codes="A*B"), "'A*B' is neither a code, a beginning nor a range"),
        (row(codes="B24..B20"), "the range B24..B20 is empty"),
        (row(codes="B20..C24"), "'B20..C24' is neither a code, a beginning nor a range"),
        (row(codes="-"), "a rule of an element has codes"),
        (row(category="7"), "'7' is not a category from 1 to 6"),
        (row(level="0"), "'0' is not a level from 1 to 5"),
        (row(special="vip"), "'vip' is not a special label"),
        (row(source="-"), "no source is named"),
        (row(system="text", codes="ab"), SHORT_WORD),
        (row(system="text", types="Patient", element="code"), "words are looked for in any element"),
        (row(types="Patient"), "a rule of any coding names a code system and holds for all types"),
        (row(types="Patient", element="-"), "a rule of a type has category and level, and no codes"),
        (row(types="Patient", element="status", system="-"), "plain values are written out"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_rule_of_classification(text: str, reason: str) -> None:
    with pytest.raises(RuleMalformed) as refused:
        classification.with_institution(f"# ours\n\n{text}")
    assert refused.value.facts == {"file": "rules/classification.tsv", "line": 3, "reason": reason}


@pytest.mark.parametrize(
    "changed",
    [
        "type.person\tPatient|Person|RelatedPerson|Linkage|Group\t-\t-\t-\t1\t3\t-\tboard\n",
        "type.person\tPatient|Person\t-\t-\t-\t1\t4\t-\tboard\n",
        "hiv.atc\t*\t*\tatc\tJ05AE*|J05AG*|J05AJ*|J05AR*\t-\t5\t-\tboard\n",
        "hiv.atc\t*\t*\tatc\tJ05AE*\t-\t5\thiv\tboard\n",
        "hiv.atc\t*\t*\ticd-10\tJ05AE*|J05AG*|J05AJ*|J05AR*\t-\t5\thiv\tboard\n",
        "default\tPatient\t-\t-\t-\t2\t4\t-\tboard\n",
    ],
)
def test_an_institution_can_not_make_a_rule_laxer(changed: str) -> None:
    with pytest.raises(RuleLaxer) as refused:
        classification.with_institution(changed)
    assert refused.value.facts["line"] == 1


def test_an_institution_can_make_a_rule_stricter() -> None:
    types = "Organization|OrganizationAffiliation|Location|HealthcareService|Endpoint"
    text = f"type.institution\t{types}\t-\t-\t-\t5\t2\t-\tboard\n"
    rules = {rule.id: rule for rule in classification.with_institution(text)}
    assert rules["type.institution"].level == 2
    assert len(rules) == len(classification.own_rules())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("own.a\tsystem\n", "2 columns, not 6"),
        ("own.a\tname\tx\tremove\t-\tboard\n", "'name' is not a kind of rule"),
        ("own.a\tsystem\turn:oid:1.2.3.4\tshift\t-\tboard\n", "'shift' can't be done with a system"),
        ("own.a\tsystem\turn:oid:1.2.3.4\tkeep\t.*\tboard\n", "'.*' is not a form of codes"),
        ("own.a\tsystem\turn:oid:1.2.3.4\tremove\ttoken\tboard\n", "the rule takes no argument"),
        ("own.a\tsystem\twards\tkeep\ttoken\tboard\n", "'wards' is not a system"),
        ("own.a\telement\tPatient.shoe\tremove\t-\tboard\n", "'Patient.shoe' is not a element"),
        ("own.a\ttype\tShoe\tremove\t-\tboard\n", "'Shoe' is not a type"),
        ("own.a\tsystem\turn:oid:1.2.3.4\tkeep\ttoken\t-\n", "no source is named"),
        ("type.name\ttype\tMoney\tremove\t-\tboard\n", "'type.name' is a rule of Xinglin's own; choose another id"),
        ("own.a\tresource\tDevice\tshared\t-\tboard\n", "rules of kind 'resource' are Xinglin's own"),
    ],
)
def test_a_line_that_is_no_rule_of_deidentification(text: str, reason: str) -> None:
    with pytest.raises(RuleMalformed) as refused:
        deidentification.with_institution(text)
    assert refused.value.facts == {"file": "rules/deidentification.tsv", "line": 1, "reason": reason}


@pytest.mark.parametrize(
    "text",
    [
        "own.a\ttype\tHumanName\tkeep\t-\tboard\n",
        "own.a\telement\tPatient.contact\tkeep\ttoken\tboard\n",
        "own.a\textension\thttp://example.org/x\tkeep\t-\tboard\n",
        "own.a\tsystem\thttps://twcore.mohw.gov.tw/ig/twcore/CodeSystem/postal-code*\tkeep\ttoken\tboard\n",
        "own.a\tsystem\thttp:*\tkeep\ttoken\tboard\n",
        "own.a\tsystem\thttps://twcore.mohw.gov.tw/ig/twcore/CodeSystem/postal-code3-tw\tkeep\ttoken\tboard\n",
        "own.a\tsystem\turn:oid:*\tkeep\ttoken\tboard\n",
    ],
)
def test_an_institution_can_not_keep_what_goes(text: str) -> None:
    with pytest.raises(RuleLaxer) as refused:
        deidentification.with_institution(text)
    assert refused.value.facts["line"] == 1


GOOD_OF = {
    "classification": (label_rules, GOOD, len(classification.own_rules())),
    "deidentification": (
        copy_rules,
        "own.wards\tsystem\turn:oid:1.2.3.4\tkeep\ttoken\tboard\n",
        len(deidentification.own_rules()),
    ),
}
BAD: tuple[tuple[bytes, type[PlatformError]], ...] = (
    (b"\xff", RulesUnreadable),
    (b"#" * (MAX_BYTES + 1), RulesUnreadable),
    (b"own.a\n", RuleMalformed),
)


@pytest.mark.parametrize("name", GOOD_OF)
def test_the_file_of_a_home(name: str, tmp_path: Path) -> None:
    read, good, own = GOOD_OF[name]
    path = tmp_path / "rules" / f"{name}.tsv"
    assert len(read(tmp_path)) == own
    path.parent.mkdir()
    path.write_text(good, encoding="utf-8-sig")
    assert len(read(tmp_path)) == own + 1
    for data, case in (*BAD, (good.encode() * 2, RuleRepeated)):
        path.write_bytes(data)
        with pytest.raises(case):
            read(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RulesUnreadable):
        read(tmp_path)
