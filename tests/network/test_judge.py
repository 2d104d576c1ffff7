"""The judgement of fault tests finds what they are there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.network import judge as judging
from tests.network.judge import Read, judge
from tests.network.load import Acknowledged
from tests.network.manifest import read_manifest

GOOD = Read([b"0", b"1", b"2"], {"aa": (2, 9)}, [])
ACKNOWLEDGED = [Acknowledged("a", "aa", 1, 2, 9, 0)]
BROKEN = {
    "lost": Read(GOOD.hashes, {}, []),
    "was acknowledged at": Read(GOOD.hashes, {"aa": (1, 8)}, []),
    "more than once": Read(GOOD.hashes, GOOD.places, ["aa"]),
    "differ": Read([b"0", b"other"], GOOD.places, []),
    "nobody handed in": Read(GOOD.hashes, {**GOOD.places, "bb": (2, 10)}, []),
}


def said(monkeypatch: pytest.MonkeyPatch, second: Read) -> list[str]:
    homes = {"a": GOOD, "b": second}
    monkeypatch.setattr(judging, "read_home", lambda path: homes[path.name])
    monkeypatch.setattr(judging, "findings", lambda _: [])
    return judge({name: Path(name) for name in homes}, ACKNOWLEDGED, {"aa"}, "a")


def test_nothing_is_found_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, Read(GOOD.hashes[:2], GOOD.places, [])) == []


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    found = said(monkeypatch, BROKEN[what])
    assert [what in one for one in found] == [True], found


@pytest.mark.parametrize(
    "text", ['about = "x"\n[[step]]\ndo = "kill"\nnodes = ["z"]', 'about = "x"\nspeed = 3', '[[step]]\ndo = "hope"']
)
def test_a_manifest_that_means_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"no such nodes|unknown field|Invalid enum"):
        read_manifest(path)
