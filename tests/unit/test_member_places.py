"""Where other members' nodes listen, as a setting from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.product import make_hospital
from xinglin.settings import SettingsInvalid, load_settings


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1",
        "http://127.0.0.1:1",
        "127.0.0.1:70000",
        "",
        "https://node.example",
        "https://https://node.example:1",
    ],
)
def test_where_other_members_listen_is_host_and_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = make_hospital(tmp_path / "home")
    monkeypatch.setenv("XINGLIN_LISTENER__MEMBERS", f'["[::1]:7700", "{place}"]')
    with pytest.raises(SettingsInvalid):
        load_settings(home)
    monkeypatch.setenv("XINGLIN_LISTENER__MEMBERS", '["[::1]:7700", "https://node.example:7700", "[::1]:7700"]')
    assert load_settings(home).listener.members == ("[::1]:7700", "https://node.example:7700")


def test_the_file_of_authorities_is_a_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_hospital(tmp_path / "home")
    monkeypatch.setenv("XINGLIN_LISTENER__CA_FILE", "ca.pem")
    with pytest.raises(SettingsInvalid):
        load_settings(home)
    monkeypatch.setenv("XINGLIN_LISTENER__CA_FILE", "/etc/xinglin/ca.pem")
    assert load_settings(home).listener.ca_file == "/etc/xinglin/ca.pem"
