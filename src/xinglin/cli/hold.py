"""``xinglin hold``: what forbids destruction; one account places a hold, two release it (S7.1f, S8.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.files import read_file
from xinglin.cli.options import AccountOption, GroundOption, HomeOption, JsonOption, PassphraseOption, opened
from xinglin.cli.output import show, when
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.destruction import records_office
from xinglin.node.records.archive import open_archive

app = typer.Typer(help="Holds: place, release, confirm, list.", no_args_is_help=True)
_MAX_DOCUMENT = 64 << 20


class HoldNamesNothing(Invalid):
    """A hold is to be placed on records and on a patient, or on neither."""

    code, number, clause = "hold.names", 6165, "S8.1"
    en = "Name either records, or one record of a patient with --patient-of."
    zh = "请指定若干记录，或用 --patient-of 指定患者的一条记录，二者取一。"
    hint_en = "A hold on a patient covers all records of the patient, later ones too."
    hint_zh = "对患者的保全涵盖其全部记录，包括今后的记录。"


class DocumentUnfit(Invalid):
    """The file of the paper that a hold rests on is empty or too large."""

    code, number, clause = "hold.document", 6166, "S8.1"
    en = "The document {path} is empty, or larger than {maximum} MiB."
    zh = "文书 {path} 为空或超过 {maximum} MiB。"
    hint_en = "Name a file with the scanned paper; its hash is kept, the paper stays with you."
    hint_zh = "请指定文书扫描件文件；仅保存其哈希值，文书由贵机构保管。"


DocumentOption = Annotated[
    Path, typer.Option("--document", help="File of the paper that asks for it; its hash is kept, the file is not.")
]
HoldArgument = Annotated[str, typer.Argument(help="The hold's id.")]


@app.command("place")
def place(
    home: HomeOption,
    document: DocumentOption,
    account: AccountOption,
    records: Annotated[list[str] | None, typer.Argument(help="Ids of records.")] = None,
    patient_of: Annotated[
        str, typer.Option("--patient-of", help="Hold all records of this record's patient, later ones too.")
    ] = "",
    ground: GroundOption = "dispute",
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold records, or all of a patient: nothing of them is destroyed until two accounts have released the hold."""
    named = list(records or [])
    if bool(named) == bool(patient_of):
        raise HoldNamesNothing
    data = _read(document)
    with opened_site(home, with_, passphrase_file) as site:
        office = site.records_office
        digest = office.document_hash(data)
        if named:
            holds = office.hold_records(named, ground, digest, account)
        else:
            holds = [office.hold_patient(patient_of, ground, digest, account)]
    show({"holds": holds, "document": digest.hex()}, [f"hold {one}" for one in holds], as_json=as_json)


@app.command("release")
def release(
    home: HomeOption,
    hold: HoldArgument,
    document: DocumentOption,
    account: AccountOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin to release a hold; it stands until another account confirms."""
    identifier_bytes(hold)
    data = _read(document)
    with opened_site(home, with_, passphrase_file) as site:
        office = site.records_office
        digest = office.document_hash(data)
        office.release_hold(hold, digest, account)
    data_ = {"hold": hold, "state": "releasing", "document": digest.hex()}
    show(data_, [f"{hold} stands until another account confirms its release"], as_json=as_json)


@app.command("confirm")
def confirm(
    home: HomeOption,
    hold: HoldArgument,
    account: AccountOption,
    with_: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm the release of a hold, by another account than the one that began it."""
    identifier_bytes(hold)
    with opened_site(home, with_, passphrase_file) as site:
        site.records_office.confirm_release(hold, account)
    show({"hold": hold, "state": "released"}, [f"{hold} is released"], as_json=as_json)


@app.command("list")
def list_holds(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the holds: scope, state, ground, when and by whom placed, who released them, hashes of the papers."""
    with (
        opened(home, passphrase_file) as node,
        open_archive(node, writing=False) as archive,
        records_office(archive) as office,
    ):
        rows = office.held()
    lines = [line for row in rows for line in _lines(row)]
    show({"holds": rows}, [*lines, f"{len(rows)} holds"], as_json=as_json)


def _lines(row: dict[str, Any]) -> list[str]:
    head = f"{row['hold']}  {row['state']:<9}  {row['ground']}  on {row['scope']}  {when(row['placed'])}"
    lines = [f"{head} by {row['placed_by']}, paper {row['document']}"]
    if row["released_by"]:
        second = f", confirmed by {row['confirmed_by']}" if row["confirmed_by"] else ""
        lines.append(f"  release by {row['released_by']}{second}, paper {row['release_document']}")
    return lines + [f"  record {one or 'of another node'}" for one in row["records"]]


def _read(path: Path) -> bytes:
    data = read_file(path, _MAX_DOCUMENT)
    if not 0 < len(data) <= _MAX_DOCUMENT:
        raise DocumentUnfit(path=str(path), maximum=_MAX_DOCUMENT >> 20)
    return data
