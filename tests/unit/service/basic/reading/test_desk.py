"""The desk: who comes while others are answered is answered with those who came too, and nobody is left waiting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from tests.support.waiting import PATIENCE
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.messages import AccessRequest, Asked, SignedRequest
from xinglin.service.basic.audit.receipts import sign_request
from xinglin.service.basic.reading import desk as module
from xinglin.service.basic.reading.custodian import Custodian, Incoming
from xinglin.service.basic.reading.desk import Desk
from xinglin.service.basic.reading.errors import AnsweringEnded, RequestReplayed

ID = identifier(bytes(16))


class Told(Custodian):
    """A custodian that answers with the number of the request, once it is let, or fails to answer several.

    ``batches`` are what it was given, ``fault`` is how it fails.
    """

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.fault: BaseException | None = None

    def answer_many(self, incoming: Sequence[Incoming]) -> list[bytes | Exception]:
        numbers = [one.request.id[0] for one, _ in incoming]
        self.batches.append(numbers)
        self.begun.set()
        assert self.let.wait(PATIENCE)
        if self.fault is not None and len(numbers) > 1:
            raise self.fault
        return [RequestReplayed() if number == 7 else bytes([number]) for number in numbers]


def request(number: int, what: str = "record") -> SignedRequest:
    """Return a signed request whose id begins with a number."""
    asked = Asked("record", bytes(32)) if what == "record" else Asked("person", bytes(16))
    made = AccessRequest(
        chain="c" + "a" * 26,
        id=bytes([number]) * 16,
        account=ID,
        member=ID,
        custodian=ID,
        asked=asked,
        action="read",
        purpose="treat",
        consents=(),
        valid_until=1,
    )
    return sign_request(suite("gm").hash, made, Signer(bytes(65), lambda _: bytes(64)))


def ask_while_answered(told: Told, numbers: Sequence[int]) -> list[bytes | BaseException]:
    """Ask number 0, and while it is answered the others, each from a thread; return what they are told."""
    desk = Desk(told)

    def ask(number: int) -> bytes | BaseException:
        try:
            return desk.answer(request(number))
        except BaseException as refusal:  # noqa: BLE001
            return refusal

    with ThreadPoolExecutor(len(numbers) + 1) as pool:
        first = pool.submit(ask, 0)
        assert told.begun.wait(PATIENCE)
        others = [pool.submit(ask, number) for number in numbers]
        while len(desk._waiting) < len(numbers):
            threading.Event().wait(0.001)
        told.let.set()
        answers = [one.result(PATIENCE) for one in (first, *others)]
    assert desk.answer(request(9)) == b"\x09"  # whatever it was, the desk goes on
    return answers


def test_who_comes_while_one_is_answered_is_answered_together() -> None:
    told = Told()
    answers = ask_while_answered(told, [1, 7, 3])
    assert [answers[0], answers[1], answers[3]] == [b"\x00", b"\x01", b"\x03"]
    assert isinstance(answers[2], RequestReplayed)
    assert [sorted(one) for one in told.batches] == [[0], [1, 3, 7], [9]]


def test_who_has_just_been_answered_comes_back_to_those_who_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two groups of readers that come again and again become one, and wait for one batch instead of two."""
    monkeypatch.setattr(module, "LINGER_SECONDS", 2 * PATIENCE)
    told = Told()
    desk = Desk(told)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(desk.answer, request(0))
        assert told.begun.wait(PATIENCE)
        other = pool.submit(desk.answer, request(1))
        while not desk._waiting:
            threading.Event().wait(0.001)
        told.let.set()
        assert first.result(PATIENCE) == b"\x00"
        again = pool.submit(desk.answer, request(2))
        assert [other.result(PATIENCE), again.result(PATIENCE)] == [b"\x01", b"\x02"]
    assert told.batches == [[0], [1, 2]]


def test_no_more_than_so_many_are_answered_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    told = Told()
    assert sorted(cast(list[bytes], ask_while_answered(told, [1, 2, 3, 4, 5]))) == [bytes([one]) for one in range(6)]
    assert [len(one) for one in told.batches] == [1, 3, 2, 1]


def test_an_error_of_the_program_leaves_nobody_waiting() -> None:
    told = Told()
    told.fault = ZeroDivisionError()
    answers = ask_while_answered(told, [1, 2])
    assert answers[0] == b"\x00"
    assert [type(one) for one in answers[1:]] == [ZeroDivisionError] * 2


def test_a_thread_that_is_made_to_stop_leaves_nobody_waiting() -> None:
    told = Told()
    told.fault = KeyboardInterrupt()
    answers = ask_while_answered(told, [1, 2])
    assert {type(one) for one in answers[1:]} == {KeyboardInterrupt, AnsweringEnded}


class Stopped(module._Waiting):
    """Stands for the request of a thread that is made to stop while it waits."""

    def wait(self) -> bytes | Exception | None:
        raise KeyboardInterrupt


def test_who_is_made_to_stop_while_waiting_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    desk = Desk(told)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(desk.answer, request(0))
        assert told.begun.wait(PATIENCE)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_Waiting", Stopped)
            with pytest.raises(KeyboardInterrupt):
                desk.answer(request(1))
        last = pool.submit(desk.answer, request(2))
        while not desk._waiting:
            threading.Event().wait(0.001)
        told.let.set()
        assert [first.result(PATIENCE), last.result(PATIENCE)] == [b"\x00", b"\x02"]
    assert told.batches == [[0], [2]]


def test_who_is_made_to_stop_when_it_is_its_turn_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    told.let.set()
    desk = Desk(told)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "_take", stop)
        with pytest.raises(KeyboardInterrupt):
            desk.answer(request(1))
    assert desk.answer(request(2)) == b"\x02"


def test_a_search_waits_for_nobody() -> None:
    told = Told()
    desk = Desk(told)
    told.let.set()
    desk._answering = True  # somebody is being answered, and does not end
    assert desk.answer(request(1, "person"), b"traits") == b"\x01"
    with pytest.raises(RequestReplayed):
        desk.answer(request(7, "person"))
    assert told.batches == [[1], [7]]
