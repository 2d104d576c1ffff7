"""The passphrase file: its owner's alone, but for what systemd's credentials look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinglin.cli.passphrase import PassphraseFileInvalid, read_passphrase


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_file_that_others_may_use_is_refused(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    file = tmp_path / "passphrase"
    file.write_text("a passphrase of tests\n")
    file.chmod(mode)
    with pytest.raises(PassphraseFileInvalid):
        read_passphrase(file)
    file.chmod(0o600)
    assert read_passphrase(file) == b"a passphrase of tests"


def test_a_credential_of_systemd_shows_the_mask_of_its_access_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "passphrase"
    file.write_text("a passphrase of tests\n")
    file.chmod(0o440)
    assert read_passphrase(file) == b"a passphrase of tests"
    for mode in (0o444, 0o460):
        file.chmod(mode)
        with pytest.raises(PassphraseFileInvalid):
            read_passphrase(file)
