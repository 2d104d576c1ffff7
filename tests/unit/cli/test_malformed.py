"""Ten malformed inputs and more for each entry point: a clear refusal, and nothing lost, nothing half done.

Every refusal has one sentence, one code, a hint and its documented exit status, in English and in Chinese; with
``--json`` it is one object. Never a traceback, never a report of a fault.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.product import PASSPHRASE, Said, child, findings, make_hospital, opened, run_child, xinglin
from tests.unit.cli.conftest import Place
from xinglin.carrier.consensus.errors import GroupRequired
from xinglin.cli.app import UsageInvalid
from xinglin.cli.options import TextInvalid
from xinglin.kernel.errors import IdentifierInvalid, PlatformError, all_errors

CASES: dict[str, type[PlatformError]] = {case.code: case for case in all_errors()}
ABSENT = "a" * 26


def logical(home: Path) -> tuple[object, ...]:
    """Return what a home holds: log sizes, entries, records; heartbeats and checkpoints of SQLite don't count."""
    files = sorted(
        path for name in ("keys", "accounts", "quarantine", "vault/segments") for path in (home / name).glob("*")
    )
    with opened(home) as node:
        sizes = (node.consortium.tip.log_size, node.private_ledger().tip.log_size)
        roots = (node.consortium.tip.state_root, node.private_ledger().tip.state_root)
    return sizes, roots, [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def refused(code: str, *arguments: str | Path) -> Said:
    """Run a command and check the form of its refusal in three ways."""
    case = CASES[code]
    said = xinglin(*arguments)
    assert said.code == code, said
    assert said.status == case.exit_status
    sentence, _, *hint = said.err.strip().splitlines()
    assert re.fullmatch(r".+\.", sentence)
    assert bool(hint) == bool(case.hint_en)
    assert "Traceback" not in said.err
    assert not re.search(r"\{[a-z_]+\}|\?(?=\W*\.)", sentence), "a fact is missing"
    assert not list(Path.cwd().glob("xinglin-fault-*"))
    return said


def refused_in_all_forms(code: str, *arguments: str | Path) -> None:
    """As ``refused``, and in Chinese, and as JSON."""
    refused(code, *arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANG", "zh_CN.UTF-8")
        chinese = xinglin(*arguments)
        assert re.search(r"[\u4e00-\u9fff]", chinese.err.splitlines()[0]), chinese.err
    where = 1 if arguments[0] in ("init", "demo") else 2  # before options, so that one without its value stays last
    said = xinglin(*arguments[:where], "--json", *arguments[where:])
    assert said.status == CASES[code].exit_status
    assert said.err == ""
    assert set(said.json["error"]) == {"code", "sentence", "hint", "facts"}
    assert said.json["error"]["code"] == code


def bundle(resource: bytes) -> bytes:
    return b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":%s}]}' % resource


BUNDLES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda whole: b"", "collection.empty"),
    "cut in the middle": (lambda whole: whole[: len(whole) // 2], "collection.truncated"),
    "nested deep": (lambda whole: bundle(b"[" * 100_000 + b"]" * 100_000), "collection.nesting"),
    "UTF-16": (lambda whole: whole.decode().encode("utf-16"), "collection.encoding"),
    "Latin-1": (lambda whole: '{"resourceType":"Bündel"}'.encode("latin-1"), "collection.encoding"),
    "gzip": (gzip.compress, "collection.compressed"),
    "XML": (lambda whole: b'<Bundle xmlns="http://hl7.org/fhir"/>', "collection.xml"),
    "NaN": (lambda whole: bundle(b'{"resourceType":"Observation","valueDecimal":NaN}'), "collection.malformed"),
    "half a surrogate pair": (
        lambda whole: bundle(rb'{"resourceType":"Patient","id":"\ud800"}'),
        "collection.malformed",
    ),
    "text after the end": (lambda whole: whole + b"x", "collection.malformed"),
    "no resource": (lambda whole: b'{"patient":"Wu"}', "collection.not_a_bundle"),
    "a number": (lambda whole: b"12", "collection.not_a_bundle"),
    "a type of bundle that brings no records": (
        lambda whole: b'{"resourceType":"Bundle","type":"subscription-notification"}',
        "collection.bundle_type",
    ),
    "a doubled element": (
        lambda whole: b'{"resourceType":"Bundle","type":"collection","type":"batch"}',
        "collection.bundle_invalid",
    ),
}


@pytest.mark.parametrize("what", BUNDLES)
def test_a_file_that_is_no_bundle_is_refused_and_kept_in_quarantine(place: Place, copy: Path, what: str) -> None:
    change, code = BUNDLES[what]
    path = Path("given.json")
    path.write_bytes(change(place.known.read_bytes()))
    said = xinglin("record", "intake", "--home", copy, path)
    assert (said.code, said.status) == (code, CASES[code].exit_status)
    assert said.err.startswith("given.json: ")
    assert said.out.startswith(b"registered 0 records")
    told = xinglin("record", "intake", "--home", copy, path, "--json").json
    assert [one["code"] for one in told["refused_files"]] == [code]
    assert all(one["sentence"] and one["hint"] for one in told["refused_files"])
    items = xinglin("record", "quarantine", "--home", copy, "--json").json["items"]
    assert len(items) == 1
    assert findings(copy) == []


def test_one_bad_file_among_good_ones_stops_none(place: Place, copy: Path) -> None:
    bad, missing = Path("bad.json"), Path("missing.json")
    bad.write_bytes(b"{")
    said = xinglin("record", "intake", "--home", copy, bad, place.other, missing, "--json")
    assert said.status == CASES["collection.truncated"].exit_status
    assert said.json["accepted"] > 50
    assert [one["code"] for one in said.json["refused_files"]] == ["collection.truncated", "collection.source_missing"]
    again = xinglin("record", "intake", "--home", copy, place.other, "--json")
    assert (again.status, again.json["accepted"]) == (0, 0)
    assert findings(copy) == []


def test_a_doubled_id_goes_to_quarantine_and_the_first_stands(copy: Path) -> None:
    entry = '{"resource":{"resourceType":"Basic","id":"x","code":{"text":"%s"}}}'
    path = Path("double.json")
    whole = '{"resourceType":"Bundle","type":"collection","entry":[%s]}'
    path.write_text(whole % ",".join([entry % "one", entry % "two"]))
    said = xinglin("record", "intake", "--home", copy, path, "--json").json
    assert (said["accepted"], said["quarantined"]) == (1, 1)
    path.write_text(whole % (entry % "three"))
    said = xinglin("record", "intake", "--home", copy, path, "--json").json
    assert (said["accepted"], said["already_there"], said["quarantined"]) == (0, 0, 1)


TEXTS = {"empty": "", "control characters": "a\x07b", "two lines": "a\nb", "too long": "x" * 201, "no text": "\udcff"}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_none_is_refused_before_anything_is_done(place: Place, text: str) -> None:
    before = logical(place.home)
    given = TEXTS[text]
    refused_in_all_forms(TextInvalid.code, "init", "--home", "new", "--name", given)
    refused_in_all_forms(
        TextInvalid.code, "account", "add", "--home", place.home, "--role", "auditor", "--person", given
    )
    refused_in_all_forms(TextInvalid.code, "record", "intake", "--home", place.home, "--source", given, place.other)
    assert not Path("new").exists()
    assert logical(place.home) == before


IDS = (
    "",
    "abc",
    ABSENT.upper(),
    ABSENT[:-1] + "b",
    "../../etc/passwd",
    ABSENT + "\n",
    "\udcff",
    "-" + ABSENT,
    "ａ" * 26,
)


@pytest.mark.parametrize("value", IDS)
def test_an_id_that_is_none_is_refused(place: Place, value: str) -> None:
    before = logical(place.home)
    home = ("--home", place.home)
    refused_in_all_forms(IdentifierInvalid.code, "record", "show", *home, *after_dashes(value))
    nouns = (("account", "show"), ("account", "end"), ("member", "show"), ("access", "account"))
    for noun, verb in nouns:
        refused(IdentifierInvalid.code, noun, verb, *home, *after_dashes(value))
    refused(IdentifierInvalid.code, "record", "read", *home, *READS, *after_dashes(value))
    refused(IdentifierInvalid.code, "proof", "record", *home, "--out", "p", *after_dashes(value))
    assert not Path("p").exists()
    assert logical(place.home) == before


READS = ("--account", ABSENT, "--purpose", "treat")
"""What every read names."""


def after_dashes(value: str) -> list[str]:
    """Return an argument as a shell user gives one that looks like an option."""
    return ["--", value] if value.startswith("-") else [value]


def test_ids_that_are_not_there_are_told(place: Place) -> None:
    before = logical(place.home)
    home = ("--home", place.home)
    refused_in_all_forms("vault.not_found", "record", "show", *home, ABSENT)
    refused_in_all_forms("vault.not_found", "record", "show", *home, "00" * 32)
    refused_in_all_forms("vault.not_found", "access", "record", *home, ABSENT)
    refused("vault.not_found", "record", "read", *home, ABSENT, *READS)
    refused_in_all_forms("vault.not_found", "proof", "record", *home, ABSENT, "--out", "p")
    refused_in_all_forms("account.not_found", "account", "show", *home, ABSENT)
    refused_in_all_forms("member.not_found", "member", "show", *home, ABSENT)
    refused_in_all_forms("registry.account_unknown", "account", "end", *home, ABSENT)
    refused_in_all_forms("registry.key_unknown", "account", "end-key", *home, "04" + "00" * 64)
    for key in ("", "zz", "04", "0" * 131, "钥匙", "\udcff"):
        refused_in_all_forms("account.key_text", "account", "end-key", *home, key)
        refused_in_all_forms("identifier.invalid", "access", "record", *home, key)
    refused_in_all_forms("account.role", "account", "add", *home, "--role", "boss", "--person", "x")
    refused_in_all_forms("proof.part", "proof", "record", *home, place.record, "--out", "p", "--show", "soul")
    refused_in_all_forms("member.kind", "init", "--home", "new", "--name", "X", "--kind", "king")
    assert not Path("new").exists()
    # Two of these reached the chain: it logs a refusal with its receipt, and charges the caller's quota.
    assert logical(place.home)[2:] == before[2:]


USAGE = (
    ("frob",),
    ("--frob",),
    ("record", "frob"),
    ("record", "list"),
    ("record", "list", "--home"),
    ("record", "list", "--home", "HOME", "extra"),
    ("record", "list", "--home", "HOME", "--limit", "0"),
    ("record", "list", "--home", "HOME", "--limit", "-3"),
    ("record", "list", "--home", "HOME", "--limit", "many"),
    ("record", "list", "--home", "HOME", "--limit", "9" * 30),
    ("record", "list", "--home", "HOME", "--frob"),
    ("record", "intake", "--home", "HOME"),
    ("record", "show", "--home", "HOME"),
    ("record", "list", "--home", "FILE"),
    ("account", "add", "--home", "HOME", "--person", "x"),
    ("proof", "record", "--home", "HOME", ABSENT),
    ("proof", "verify"),
    ("access", "twins", "--home", "HOME", "--older-than", "-1"),
    ("bench", "access", "--threads", "0"),
    ("bench", "crypto", "--rounds", "0"),
    ("bench", "growth", "--sizes", "ten,twenty"),
    ("init", "--home", "new"),
)


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_command_line_that_is_not_right_is_refused(place: Place, arguments: tuple[str, ...]) -> None:
    named = {"HOME": str(place.home), "FILE": str(place.known)}
    refused_in_all_forms(UsageInvalid.code, *(named.get(one, one) for one in arguments))


def test_without_a_command_the_help_is_shown() -> None:
    for arguments in ([], ["record"], ["ledger"]):
        said = xinglin(*arguments)
        assert said.status == 2
        assert b"Usage" in said.out
    assert xinglin("--help").status == 0
    assert xinglin("--version").out.startswith(b"xinglin ")


HOME_COMMANDS = (
    ("ledger", "show"),
    ("ledger", "verify"),
    ("member", "list"),
    ("member", "epochs"),
    ("account", "list"),
    ("record", "list"),
    ("record", "quarantine"),
    ("access", "twins"),
    ("access", "rebuild"),
    ("access", "record", "00" * 32),
    ("proof", "checkpoint"),
    ("proof", "trust", "--out", "t"),
    ("proof", "anchor", "--out", "t"),
)


@pytest.mark.parametrize("command", HOME_COMMANDS, ids=" ".join)
def test_a_home_that_is_none_or_open_elsewhere_is_refused(place: Place, command: tuple[str, ...]) -> None:
    Path("folder").mkdir()
    refused_in_all_forms("home.not_found", *command, "--home", "nowhere")
    for home in ("folder", "."):
        refused("home.not_found", *command, "--home", home)
    with opened(place.home):
        refused("store.locked", *command, "--home", place.home)
    assert not Path("t").exists()


def test_a_home_that_another_process_has_open_is_refused(place: Place) -> None:
    with opened(place.home):
        said = run_child(child("record", "intake", "--home", place.home, place.other), Path.cwd())
    assert (said.code, said.status) == ("store.locked", 8)
    assert said.out == b""


def test_a_home_of_a_group_is_not_written_alone(place: Place, copy: Path) -> None:
    config = copy / "config.toml"
    config.write_text(config.read_text().replace('engine = "embedded"', 'engine = "group"', 1))
    before = logical(copy)
    for command in (
        ("account", "add", "--home", copy, "--role", "auditor", "--person", "x"),
        ("account", "end", "--home", copy, ABSENT),
        ("account", "end-key", "--home", copy, "04" + "00" * 64),
    ):
        refused_in_all_forms(GroupRequired.code, *command)
    for command in (("record", "list"), ("ledger", "show"), ("ledger", "verify")):
        assert xinglin(*command, "--home", copy).status == 0
    assert logical(copy) == before


PASSPHRASES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 0o600, "passphrase.file"),
    "an empty first line": (b"\nsecond\n", 0o600, "passphrase.file"),
    "readable by all": (PASSPHRASE, 0o644, "passphrase.file"),
    "readable by the group": (PASSPHRASE, 0o640, "passphrase.file"),
    "another": (b"another passphrase\n", 0o600, "keystore.passphrase"),
    "cut": (PASSPHRASE[:-1], 0o600, "keystore.passphrase"),
    "with a zero byte": (b"\x00" + PASSPHRASE, 0o600, "keystore.passphrase"),
    "no text": (b"\xff\xfe\xfd", 0o600, "keystore.passphrase"),
    "very long": (b"x" * 100_000, 0o600, "keystore.passphrase"),
    "with a byte order mark": (b"\xef\xbb\xbf" + PASSPHRASE, 0o600, "keystore.passphrase"),
}


@pytest.mark.requirement("S8.2d")
@pytest.mark.parametrize("what", PASSPHRASES)
def test_a_passphrase_file_that_does_not_serve_is_refused(place: Place, what: str) -> None:
    data, mode, code = PASSPHRASES[what]
    path = Path("passphrase")
    path.write_bytes(data)
    path.chmod(mode)
    refused_in_all_forms(code, "ledger", "show", "--home", place.home, "--passphrase-file", path)
    if code == "passphrase.file":
        refused_in_all_forms(code, "init", "--home", "new", "--name", "X", "--passphrase-file", path)
        assert not Path("new").exists()


def test_no_passphrase_at_all_or_one_that_is_too_short_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("missing", "."):
        refused_in_all_forms("passphrase.file", "ledger", "show", "--home", place.home, "--passphrase-file", path)
    Path("short").write_bytes(b"short\n")
    Path("short").chmod(0o600)
    refused_in_all_forms(
        "keystore.passphrase_short", "init", "--home", "new", "--name", "X", "--passphrase-file", "short"
    )
    assert not Path("new").exists()
    monkeypatch.delenv("XINGLIN_PASSPHRASE_FILE")
    refused_in_all_forms("passphrase.missing", "ledger", "show", "--home", place.home)


CONFIGS: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda text: "",
    "no TOML": lambda text: "garbage ][",
    "no text": lambda text: b"\xff\xfe",
    "a zero byte": lambda text: text + "\x00",
    "nested deep": lambda text: "x = " + "[" * 5_000,
    "a setting that is not there": lambda text: text + "\n[frob]\nx = 1\n",
    "a misspelt setting": lambda text: text.replace("member", "membre"),
    "too small": lambda text: text + "\n[storage]\nmap_gib = 0\n",
    "of another kind": lambda text: text + '\n[storage]\nmap_gib = "many"\n',
    "negative": lambda text: text + "\n[intake]\nbatch_items = -4\n",
    "an engine that is not there": lambda text: text.replace('"embedded"', '"quantum"'),
    "a path for an id": lambda text: text.replace('id = "c', 'id = "../../c'),
    "a name that is too long": lambda text: text.replace("Riverside", "R" * 300),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_settings_that_are_not_right_are_refused(copy: Path, what: str) -> None:
    config = copy / "config.toml"
    changed = CONFIGS[what](config.read_text())
    config.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    refused_in_all_forms("settings.invalid", "ledger", "show", "--home", copy)
    refused_in_all_forms("settings.invalid", "ledger", "verify", "--home", copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [("XINGLIN_STORAGE__MAP_GIB", "many"), ("XINGLIN_STORAGE", "{"), ("XINGLIN_INTAKE__BATCH_ITEMS", "1000")],
)
def test_variables_that_are_not_right_are_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    refused_in_all_forms("settings.invalid", "ledger", "show", "--home", place.home)


def test_a_map_that_the_system_has_no_room_for_is_no_damage(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINGLIN_STORAGE__MAP_GIB", "65536")
    said = xinglin("ledger", "show", "--home", place.home)
    assert said.status == 0 or (said.code, said.status) == ("storage.map_refused", 8)


def test_a_config_that_names_another_node_is_found(copy: Path) -> None:
    config = copy / "config.toml"
    config.write_text(re.sub(r'(?m)^node = ".*"$', f'node = "{ABSENT}"', config.read_text()))
    said = xinglin("ledger", "verify", "--home", copy, "--json")
    assert said.status == 7
    assert [one["code"] for one in said.json["findings"]] == ["home.contradicted"]


def test_a_name_has_one_form_on_the_chain_and_in_the_settings(tmp_path: Path) -> None:
    """Typed with a combining accent, it is the same name."""
    home = make_hospital(tmp_path / "home", "Ho\u0302pital")
    assert findings(home) == []
    assert xinglin("member", "list", "--home", home, "--json").json["members"][0]["name"] == "H\u00f4pital"


def test_intake_needs_something_to_take_in(place: Place) -> None:
    before = logical(place.home)
    Path("empty").mkdir()
    (Path("empty") / "notes.txt").write_text("no bundle")
    refused_in_all_forms("record.no_bundles", "record", "intake", "--home", place.home, "empty")
    assert logical(place.home) == before


def test_a_home_is_not_made_over_something(place: Place) -> None:
    before = logical(place.home)
    refused_in_all_forms("home.exists", "init", "--home", place.home, "--name", "X")
    refused_in_all_forms("home.exists", "demo", "--home", place.home)
    Path("folder").mkdir()
    Path("folder/mine").write_text("mine")
    refused_in_all_forms("home.exists", "demo", "--home", "folder")
    assert Path("folder/mine").read_text() == "mine"
    assert logical(place.home) == before


def test_a_demonstration_without_bundles_is_refused() -> None:
    Path("empty").mkdir()
    for data in ("empty", "nowhere"):
        refused_in_all_forms("demo.no_bundles", "demo", "--home", "new", "--data", data)
    assert not Path("new").exists()


def test_a_file_that_can_not_be_written_is_told(place: Place) -> None:
    for out in ("/nonexistent/p", "."):
        refused_in_all_forms("file.unusable", "proof", "record", "--home", place.home, place.record, "--out", out)
        refused_in_all_forms("file.unusable", "proof", "trust", "--home", place.home, "--out", out)


def test_what_the_system_refuses_is_told() -> None:
    refused_in_all_forms("system.refused", "init", "--home", "/proc/nothing", "--name", "X")


def test_a_fault_of_our_own_leaves_a_report_and_no_traceback(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xinglin.cli.ledger.verify_home", lambda *_: 1 / 0)
    said = xinglin("ledger", "verify", "--home", place.home, "--json")
    assert said.status == 70
    assert said.json["error"]["code"] == "fault.own"
    report = Path(said.json["error"]["facts"]["report"])
    assert "ZeroDivisionError" in report.read_text()
    report.unlink()
    assert "Traceback" not in xinglin("ledger", "verify", "--home", place.home).err


def test_names_of_others_can_not_write_to_the_terminal(tmp_path: Path) -> None:
    """A member chooses its name; what a terminal would obey is shown written out."""
    home = make_hospital(tmp_path / "home", "Red \x1b[31mCross")
    said = xinglin("member", "list", "--home", home)
    assert said.status == 0
    assert b"\x1b" not in said.out
    assert b"Red \\x1b[31mCross" in said.out
    assert json.loads(xinglin("member", "list", "--home", home, "--json").out)["members"][0]["name"].startswith("Red")
