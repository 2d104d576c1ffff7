"""Notices from home to home: stored before they leave, told once, acknowledged by who they are for."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import new_id
from tests.support.notice_homes import START, NoticeHome, NoticeHomes
from xinglin.carrier.access.registry.model import EndAccount, EndKey
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Unavailable
from xinglin.service.basic.notices.errors import (
    AcknowledgementInvalid,
    LetterInvalid,
    NoticeAcknowledged,
    NoticeDiffers,
    NoticeUnknown,
    NotRecipient,
    PostUnavailable,
    TemplateInvalid,
)
from xinglin.service.basic.notices.letters import acknowledgement_hash, letter_hash
from xinglin.service.basic.notices.model import (
    Manner,
    NoticeKind,
    Recipient,
    SignedAcknowledgement,
    SignedLetter,
)
from xinglin.service.basic.notices.ports import NoPost
from xinglin.service.basic.notices.rules import notice_id
from xinglin.service.basic.notices.service import NewNotice, Notices
from xinglin.service.basic.notices.store import FILE, Opening, Step
from xinglin.service.basic.notices.texts import LANGUAGES, Facts, fields, templates, words
from xinglin.service.lifecycle.storage.errors import SealedRowDamaged
from xinglin.stakeholders.kinds import Role

DUE = START + 1_000_000
FACTS = {
    "institution": ("Riverside Hospital", "河畔医院"),
    "record": ("r1", "r1"),
    "reason": ("a value was wrong", "数值有误"),
}


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[NoticeHomes]:
    made = NoticeHomes(tmp_path)
    yield made
    made.close()


def new(recipient: Recipient, **changes: Any) -> NewNotice:
    values: dict[str, Any] = {
        "notice": new_id(),
        "kind": NoticeKind.CORRECTION,
        "recipient": recipient,
        "about": b"a" * 32,
        "facts": FACTS,
        "due": DUE,
    }
    return NewNotice(**{**values, **changes})


def reader(homes: NoticeHomes, home: NoticeHome | None = None) -> Recipient:
    """Return an account of the other institution as recipient."""
    home = home or homes.there
    return Recipient(home.member, account=(home.account(Role.SUPER_ADMINISTRATOR),))


def acknowledge(home: NoticeHome, sender: str, notice: str, role: Role = Role.SUPER_ADMINISTRATOR) -> None:
    home.notices.acknowledge(sender, notice, home.account(role), home.signer(role))


# --- the way of a notice ---


@pytest.mark.requirement("H12", "H10")
def test_a_notice_reaches_its_recipient_and_the_acknowledgement_comes_back(homes: NoticeHomes) -> None:
    here, there = homes.here, homes.there
    view = here.notices.send(new(reader(homes)))
    assert (view.step, view.acknowledged) == (Step.DELIVERED, 0)
    (waiting,) = there.notices.inbox(there.account(Role.SUPER_ADMINISTRATOR))
    assert (waiting.notice, waiting.sender) == (view.notice, here.member)
    assert "河畔医院" in waiting.zh
    assert "Riverside Hospital" in waiting.en
    assert there.notices.inbox(there.account(Role.SERVICE)) == []
    homes.clock.time += 5
    acknowledge(there, here.member, view.notice)
    told = here.notices.view(here.member, view.notice)
    assert (told.step, told.acknowledged) == (Step.DONE, START + 5)
    assert told.acknowledged_by == there.account(Role.SUPER_ADMINISTRATOR)
    assert here.chain.calls == ["notice.send", "notice.acknowledge"]
    assert there.chain.calls == ["notice.received", "notice.acknowledge"]
    assert there.notices.inbox(there.account(Role.SUPER_ADMINISTRATOR)) == []
    assert here.notices.every(only_open=True) == []


def test_a_notice_within_one_institution_needs_no_way(homes: NoticeHomes) -> None:
    homes.wire.down = True
    here = homes.here
    view = here.notices.send(new(reader(homes, here)))
    assert view.step is Step.DELIVERED
    acknowledge(here, here.member, view.notice)
    assert here.notices.view(here.member, view.notice).step is Step.DONE
    assert here.chain.calls == ["notice.send", "notice.acknowledge"]


@pytest.mark.requirement("H10")
def test_a_patient_is_told_by_an_account_that_says_so(homes: NoticeHomes) -> None:
    here, opening = homes.here, Opening(b"s" * 16, b"p" * 16)
    subject = b"c" * 32
    sent = here.notices.send(new(Recipient(here.member, subject=(subject,)), opening=opening))
    assert [one.notice for one in here.notices.for_person(opening.person)] == [sent.notice]
    assert here.notices.for_person(b"q" * 16) == []
    assert sent.notice in [one.notice for one in here.notices.inbox(here.account(Role.PRACTITIONER))]
    acknowledge(here, here.member, sent.notice, Role.PRACTITIONER)
    kept = here.store.get(here.member, sent.notice)
    assert kept is not None
    assert kept[1].acknowledgement[0].acknowledgement.manner is Manner.TOLD
    assert not any(opening.person in value for value in here.chain.ledger.state.values())


@pytest.mark.requirement("H12")
def test_what_can_not_be_delivered_is_tried_again_ever_more_rarely(homes: NoticeHomes) -> None:
    here = homes.here
    homes.wire.down = True
    view = here.notices.send(new(reader(homes)))
    assert (view.step, view.attempts) == (Step.LOGGED, 1)
    assert here.notices.resume().waiting == []  # not before a second has passed
    waits = []
    for _ in range(14):
        kept = here.store.at_step(Step.LOGGED)[0][1]
        waits.append(kept.next - homes.clock.time)
        homes.clock.time = kept.next
        assert [fault.code for *_, fault in here.notices.resume().waiting] == [""]
    assert waits[:3] == [1_000, 2_000, 4_000]
    assert waits[-1] == 3_600_000
    homes.wire.down = False
    homes.clock.time += 3_600_000
    assert here.notices.resume().moved == 1
    assert here.notices.view(here.member, view.notice).step is Step.DELIVERED
    assert here.chain.calls == ["notice.send"]


def test_a_lost_answer_delivers_nothing_twice(homes: NoticeHomes) -> None:
    here, there = homes.here, homes.there
    homes.wire.lose_answers = 1
    view = here.notices.send(new(reader(homes)))
    assert view.step is Step.LOGGED
    acknowledge(there, here.member, view.notice)  # the recipient has it, and the sender takes the acknowledgement
    assert here.notices.view(here.member, view.notice).step is Step.DONE
    assert there.chain.calls.count("notice.received") == 1


@pytest.mark.requirement("H12")
def test_an_acknowledgement_that_was_lost_is_asked_for(homes: NoticeHomes) -> None:
    here, there = homes.here, homes.there
    view = here.notices.send(new(reader(homes)))
    homes.wire.down = True
    acknowledge(there, here.member, view.notice)
    assert there.notices.view(here.member, view.notice).step is Step.CLOSED
    homes.wire.down = False
    homes.clock.time += 10_000
    assert here.notices.resume().moved == 1  # delivered once more, it comes back with the acknowledgement
    assert here.notices.view(here.member, view.notice).step is Step.DONE
    assert there.notices.resume().moved == 1
    assert there.notices.view(here.member, view.notice).step is Step.DONE
    assert here.chain.calls == ["notice.send", "notice.acknowledge"]


def test_one_home_that_answers_nonsense_holds_up_no_other(homes: NoticeHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    here = homes.here
    homes.wire.down = True
    first, second = (here.notices.send(new(reader(homes))) for _ in range(2))
    homes.wire.down = False
    homes.clock.time += 10_000
    bad = min(first.notice, second.notice)
    honest = homes.wire.deliver

    def deliver(member: str, letter: bytes) -> bytes | None:
        return b"nonsense" if decode(SignedLetter, letter).letter.notice == bad else honest(member, letter)

    monkeypatch.setattr(homes.wire, "deliver", deliver)
    report = here.notices.resume()
    assert [notice for _, notice, _ in report.waiting] == [bad]
    assert report.moved == 1


@pytest.mark.requirement("H12")
def test_overdue_notices_are_listed(homes: NoticeHomes) -> None:
    here = homes.here
    late, later = (here.notices.send(new(reader(homes), due=DUE + more)) for more in (0, 5))
    acknowledged = here.notices.send(new(reader(homes)))
    acknowledge(homes.there, here.member, acknowledged.notice)
    assert here.notices.overdue() == []
    homes.clock.time = DUE + 100
    assert [one.notice for one in here.notices.overdue()] == [late.notice, later.notice]
    assert len(homes.there.notices.overdue()) == 2


# --- crashes ---


@pytest.mark.requirement("H12", "S9.1")
@pytest.mark.parametrize("fault", ["break_off", "answer_late"])
@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("call", ["notice", "acknowledgement"])
def test_a_crash_around_a_chain_call_loses_and_doubles_nothing(
    homes: NoticeHomes, fault: str, where: str, call: str
) -> None:
    """At each call of either chain: it fails before, or is done and nobody hears; the homes are opened again."""
    notice, sender = new(reader(homes)), homes.here.member
    if call == "acknowledgement":
        homes.here.notices.send(notice)
    getattr(getattr(homes, where).chain, fault)()
    with suppress(Unavailable):
        if call == "notice":
            homes.here.notices.send(notice)
        else:
            acknowledge(homes.there, sender, notice.notice)
    homes.close()
    homes.open()
    resumed(homes)
    if call == "notice":
        acknowledge(homes.there, sender, notice.notice)
        resumed(homes)
    for home in (homes.here, homes.there):
        assert home.notices.view(sender, notice.notice).step is Step.DONE
    assert homes.here.chain.calls == ["notice.send", "notice.acknowledge"]
    assert homes.there.chain.calls == ["notice.received", "notice.acknowledge"]


def resumed(homes: NoticeHomes) -> None:
    """Let both homes take up what was left, some time later."""
    for _ in range(3):
        homes.clock.time += 10_000
        homes.here.notices.resume()
        homes.there.notices.resume()


def test_sending_again_sends_nothing(homes: NoticeHomes) -> None:
    notice = new(reader(homes))
    first = homes.here.notices.send(notice)
    assert homes.here.notices.send(notice) == first
    assert homes.wire.delivered == 1


# --- whose letters and acknowledgements ---


def letter_of(homes: NoticeHomes) -> SignedLetter:
    """Return a letter of the hospital to an account of the other one, not delivered."""
    homes.wire.down = True
    view = homes.here.notices.send(new(reader(homes)))
    homes.wire.down = False
    kept = homes.here.store.get(homes.here.member, view.notice)
    assert kept is not None
    return kept[1].letter


def resigned(homes: NoticeHomes, signed: SignedLetter, **changes: Any) -> SignedLetter:
    letter = replace(signed.letter, **changes)
    signer = homes.here.signer(Role.SERVICE)
    return SignedLetter(letter=letter, key=signer.key, signature=signer.sign(letter_hash(homes.suite.hash, letter)))


def test_one_change_and_a_letter_is_refused(homes: NoticeHomes) -> None:
    signed, here, there = letter_of(homes), homes.here, homes.there
    administrator = here.signer(Role.SUPER_ADMINISTRATOR)
    hashed = letter_hash(homes.suite.hash, signed.letter)
    both = Recipient(there.member, signed.letter.recipient.account, (bytes(32),))
    cases = {
        "chain": resigned(homes, signed, chain="c" + "b" * 26),
        "this member as": resigned(homes, signed, sender=there.member),
        "another member": resigned(homes, signed, recipient=Recipient(here.member)),
        "an account and a patient": resigned(homes, signed, recipient=both),
        "service account": replace(signed, key=administrator.key, signature=administrator.sign(hashed)),
        "service account of the sender": resigned(homes, signed, sender=new_id()),
        "not in force": resigned(homes, signed, time=1),
        "does not verify": replace(signed, letter=replace(signed.letter, en=b"Something else.")),
    }
    for reason, letter in cases.items():
        with pytest.raises(LetterInvalid, match=reason):
            there.notices.receive(encode(letter))
    for data in (b"", b"\xc0", encode(signed) + b"\x00", encode(signed)[:-1], bytes(20_000)):
        with pytest.raises(LetterInvalid):
            there.notices.receive(data)
    assert there.notices.every() == []
    assert there.chain.calls == []
    there.notices.receive(encode(signed))
    with pytest.raises(LetterInvalid, match="another one"):
        there.notices.receive(encode(resigned(homes, signed, en=b"Something else.")))


def test_a_letter_of_a_key_that_ended_before_is_refused(homes: NoticeHomes) -> None:
    signed = letter_of(homes)
    registry = homes.consortium
    registry.ledger.time = signed.letter.time - 10
    registry.ledger.call(registry.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.end_key", EndKey(signed.key, ()))
    with pytest.raises(LetterInvalid, match="not in force"):
        homes.there.notices.receive(encode(signed))


def acknowledged(homes: NoticeHomes) -> SignedAcknowledgement:
    """Return a good acknowledgement that has not come back."""
    view = homes.here.notices.send(new(reader(homes)))
    homes.wire.down = True
    acknowledge(homes.there, homes.here.member, view.notice)
    kept = homes.there.store.get(homes.here.member, view.notice)
    assert kept is not None
    return kept[1].acknowledgement[0]


def test_one_change_and_an_acknowledgement_is_refused(homes: NoticeHomes) -> None:
    signed, here, there = acknowledged(homes), homes.here, homes.there

    def by(home: NoticeHome, role: Role, **changes: Any) -> SignedAcknowledgement:
        said = replace(signed.acknowledgement, **changes)
        signer = home.signer(role)
        hashed = acknowledgement_hash(homes.suite.hash, said)
        return SignedAcknowledgement(acknowledgement=said, key=signer.key, signature=signer.sign(hashed))

    admin, service = Role.SUPER_ADMINISTRATOR, Role.SERVICE
    cases = {
        "another letter": by(there, admin, text=bytes(32)),
        "of another member": by(here, admin, member=here.member, account=here.account(admin)),
        "can't acknowledge it so": by(there, service, account=there.account(service)),
        "acknowledge it so": by(there, admin, manner=Manner.TOLD),
        "not that of its account": by(there, service),
        "not in force": by(there, admin, time=1),
        "does not verify": replace(signed, acknowledgement=replace(signed.acknowledgement, time=START + 9)),
    }
    notice = signed.acknowledgement.notice
    for reason, changed in cases.items():
        with pytest.raises(AcknowledgementInvalid, match=reason):
            here.notices.acknowledged(encode(changed))
        assert here.notices.view(here.member, notice).acknowledged == 0
    for data in (b"", encode(signed) + b"\x00", bytes(20_000)):
        with pytest.raises(AcknowledgementInvalid):
            here.notices.acknowledged(data)
    with pytest.raises(NoticeUnknown):
        here.notices.acknowledged(encode(by(there, admin, notice=new_id())))
    here.notices.acknowledged(encode(signed))
    here.notices.acknowledged(encode(signed))
    assert here.chain.calls.count("notice.acknowledge") == 1


def test_others_can_not_acknowledge_and_nobody_twice(homes: NoticeHomes) -> None:
    here, there = homes.here, homes.there
    view = here.notices.send(new(reader(homes)))
    with pytest.raises(NotRecipient):
        acknowledge(there, here.member, view.notice, Role.SERVICE)
    with pytest.raises(NoticeUnknown):  # it is for the other institution's account
        acknowledge(here, here.member, view.notice)
    with pytest.raises(NoticeUnknown):
        acknowledge(there, here.member, new_id())
    account = there.account(Role.SUPER_ADMINISTRATOR)
    with pytest.raises(AcknowledgementInvalid, match="not that of its account"):
        there.notices.acknowledge(here.member, view.notice, account, there.signer(Role.SERVICE))
    assert here.notices.view(here.member, view.notice).acknowledged == 0
    acknowledge(there, here.member, view.notice)
    with pytest.raises(NoticeAcknowledged):
        acknowledge(there, here.member, view.notice)


def test_for_an_account_that_has_ended_another_acknowledges(homes: NoticeHomes) -> None:
    here = homes.here
    practitioner, auditor = (here.account(role) for role in (Role.PRACTITIONER, Role.AUDITOR))
    view = here.notices.send(new(Recipient(here.member, account=(practitioner,))))
    with pytest.raises(NotRecipient):
        acknowledge(here, here.member, view.notice, Role.AUDITOR)
    registry = homes.consortium
    registry.ledger.call(
        registry.hospital.caller(Role.SUPER_ADMINISTRATOR), "registry.end_account", EndAccount(practitioner)
    )
    acknowledge(here, here.member, view.notice, Role.AUDITOR)
    assert here.notices.view(here.member, view.notice).acknowledged_by == auditor


# --- texts, ids, the inbox's file ---


def test_every_kind_has_a_template_in_each_language_with_the_same_facts() -> None:
    assert set(templates()) == {(kind, language) for kind in NoticeKind for language in LANGUAGES}
    for kind in NoticeKind:
        assert fields(templates()[kind, "en"]) == fields(templates()[kind, "zh"])


@pytest.mark.parametrize(
    "facts",
    [{}, {"institution": ("x", "x")}, {**FACTS, "more": ("x", "x")}, {**FACTS, "reason": ("x" * 5_000, "x")}],
    ids=["none", "one", "too many", "too long"],
)
def test_a_text_without_its_facts_is_refused_and_nothing_is_stored(homes: NoticeHomes, facts: Facts) -> None:
    with pytest.raises(TemplateInvalid):
        homes.here.notices.send(new(reader(homes), facts=facts))
    assert homes.here.notices.every() == []


def test_texts_are_normalised_and_show_the_day() -> None:
    facts = {**FACTS, "institution": ("Cafe\u0301", "Cafe\u0301")}
    text = words(NoticeKind.CORRECTION, facts, 1_700_000_000_000)
    assert "Café" in text["zh"].decode()
    assert "2023-11-14" in text["en"].decode()


def test_the_same_facts_give_the_same_id(homes: NoticeHomes) -> None:
    kinds = (NoticeKind.MERGE, NoticeKind.UNMERGE, NoticeKind.MERGE)
    made = {notice_id(homes.suite.hash, kind, b"a" * 32, more) for kind in kinds for more in ("x", "y")}
    assert len(made) == 4


def test_a_home_without_a_way_keeps_what_it_has_to_send(homes: NoticeHomes) -> None:
    here = homes.here
    alone = Notices(here.office, here.store, here.chain, NoPost())
    view = alone.send(new(reader(homes)))
    assert view.step is Step.LOGGED
    homes.clock.time += 10_000
    assert [fault.code for *_, fault in alone.resume().waiting] == [PostUnavailable.code]


def test_the_file_tells_no_text_and_an_altered_row_is_found(homes: NoticeHomes) -> None:
    here = homes.here
    view = here.notices.send(new(reader(homes)))
    path = here.store.database.path
    here.store.close()
    assert path.name == FILE
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    assert "河畔".encode() not in content
    assert b"Riverside" not in content
    for statement in ("UPDATE notices SET step = 5", "UPDATE notices SET sealed = zeroblob(200)"):
        with sqlite3.connect(path) as connection:
            before = connection.execute("SELECT step, sealed FROM notices").fetchone()
            connection.execute(statement)
        connection.close()
        with pytest.raises(SealedRowDamaged):
            here.notices.view(here.member, view.notice)
        assert [one.code for one in here.store.damage()] == [SealedRowDamaged.code]
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE notices SET step = ?, sealed = ?", before)
        connection.close()
    assert list(here.store.damage()) == []


def test_a_notice_that_the_chain_has_otherwise_is_not_passed_off_as_it(homes: NoticeHomes, tmp_path: Path) -> None:
    """An inbox that was lost after its notices were logged: the chain's digest stands."""
    notice = new(reader(homes, homes.here))
    homes.here.notices.send(notice)
    homes.close()
    for path in (tmp_path / homes.here.member).iterdir():
        path.unlink()
    homes.open()
    with pytest.raises(NoticeDiffers):
        homes.here.notices.send(notice)


def test_no_changed_letter_is_taken(homes: NoticeHomes, seeded: random.Random) -> None:
    signed = encode(letter_of(homes))
    for _ in range(200):
        data = bytearray(signed)
        data[seeded.randrange(len(data))] ^= 1 << seeded.randrange(8)
        with pytest.raises(LetterInvalid):
            homes.there.notices.receive(bytes(data))
    assert homes.there.notices.every() == []
