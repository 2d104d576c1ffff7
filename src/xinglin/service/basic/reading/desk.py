"""Where requests wait to be answered together (docs/spec/reading.md RD22; design D15).

Who comes while nobody is being answered is answered at once, on its own thread. Whoever comes meanwhile waits, and then
the first of them answers for all who wait. So one block of the private chain carries the entries of all of them, and
threads don't take the interpreter from each other at every look-up.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from xinglin.service.basic.audit.messages import SignedRequest
from xinglin.service.basic.reading.custodian import Custodian, Incoming
from xinglin.service.basic.reading.errors import AnsweringEnded

MOST = 64
"""Requests that are answered together, at most: their records are in memory at the same time."""
LINGER_SECONDS = 0.001
"""A batch waits so long for those who have just got their answers, who ask again, and whoever waited meanwhile.

So readers who ask one record after the other stay one group, instead of two that wait for each other's blocks in turn.
"""


class _Waiting:
    """A request that waits; ``told`` is its answer, or None when it is its turn to answer for all who wait."""

    __slots__ = ("_silent", "incoming", "is_told", "told")

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming
        self.told: bytes | Exception | None = None
        self.is_told = False
        self._silent = threading.Lock()  # a future would make three locks and a queue of every request
        self._silent.acquire()

    def tell(self, told: bytes | Exception | None) -> None:
        """Let the waiting thread go on; only once."""
        self.told, self.is_told = told, True
        self._silent.release()

    def wait(self) -> bytes | Exception | None:
        """Wait until it is told, on its own thread."""
        self._silent.acquire()
        return self.told


class Desk:
    """Answers requests of records together, others each on its own; from any thread.

    Args:
        custodian: answers them.
    """

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._answering = False
        self._answered = self._wanted = 0

    def answer(self, signed: SignedRequest, payload: bytes = b"") -> bytes:
        """Return the answer to a request that is in form; see ``Custodian.answer``, whose errors it raises.

        Raises:
            AnsweringEnded: the thread that was answering was made to stop.
        """
        if signed.request.asked.what != "record":  # a search can take long, and nobody should have to wait for it
            return _given(self._custodian.answer_many([(signed, payload)])[0])
        mine = _Waiting((signed, payload))
        with self._changed:
            self._waiting.append(mine)
            if len(self._waiting) >= self._wanted:
                self._changed.notify()
            others, self._answering = self._answering, True
        try:
            told = mine.wait() if others else None
            return self._answer_waiting() if told is None else _given(told)
        except BaseException:
            self._leave(mine, leading=not others)
            raise

    def _answer_waiting(self) -> bytes:
        """Answer all who wait, and let the next have its turn; return or raise what the first is told: the caller."""
        batch = self._take()
        answers: Sequence[bytes | Exception] = [AnsweringEnded() for _ in batch]
        try:
            answers = self._custodian.answer_many([one.incoming for one in batch])
        except Exception as fault:  # noqa: BLE001  (whatever it is, nobody may be left waiting)
            answers = [fault] * len(batch)
        finally:
            self._pass_on()
            for one, answer in zip(batch[1:], answers[1:], strict=True):
                one.tell(answer)
        return _given(answers[0])

    def _take(self) -> list[_Waiting]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) >= self._wanted, LINGER_SECONDS)
            self._answered = min(len(self._waiting), MOST)
            return [self._waiting.popleft() for _ in range(self._answered)]

    def _pass_on(self) -> None:
        with self._changed:
            self._answering = bool(self._waiting)
            self._wanted = min(self._answered + len(self._waiting), MOST)
            if self._waiting:
                self._waiting[0].tell(None)

    def _leave(self, mine: _Waiting, *, leading: bool) -> None:
        """Let go one that was made to stop before it was answered; if it was its turn, it is the next one's."""
        with self._changed:
            if mine not in self._waiting:
                return
            self._waiting.remove(mine)
            if leading or mine.is_told:
                self._pass_on()


def _given(answer: bytes | Exception) -> bytes:
    if isinstance(answer, bytes):
        return answer
    raise answer
