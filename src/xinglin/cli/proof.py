"""``xinglin proof``: make proof bundles, trust files and checkpoints; check a bundle by the product's own steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import to_builtins

from xinglin.carrier.ledger.trust import MAX_TRUST_BYTES, encode_trust
from xinglin.cli.choices import read_choice
from xinglin.cli.files import FileUnreadable, read_file, write_file
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened, read_hash
from xinglin.cli.output import language, show
from xinglin.cli.passphrase import read_passphrase
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.permitted import own_serving, prove_with_content
from xinglin.node.office.proofs import cosign_together, prove_anchor, prove_entry, prove_reads, prove_record, trust_of
from xinglin.node.records.archive import open_archive
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.served import ServedHome
from xinglin.service.basic.coordination.bundles.check import BundleReport, unread
from xinglin.service.basic.coordination.bundles.steps import MAX_BYTES
from xinglin.service.basic.episodes.bundles.check import check_proof
from xinglin.stakeholders.purposes import Purpose

app = typer.Typer(help="Proofs: record, anchor, access, trust, checkpoint, verify.", no_args_is_help=True)
PARTS = ("behaviour", "original", "copy")


class PartUnknown(Invalid):
    """A part of a record to show is none of the three."""

    code, number, clause = "proof.part", 6131, "S9.2"
    en = "'{part}' is not a part of a record commitment."
    zh = "“{part}”不是记录承诺的组成部分。"
    hint_en = "Parts: behaviour, original, copy."
    hint_zh = "组成部分：behaviour、original、copy。"


OutOption = Annotated[Path, typer.Option("--out", help="The file to write.")]


@app.command("record")
def record(
    home: HomeOption,
    record_id: Annotated[str, typer.Argument(metavar="RECORD", help="The record's id.")],
    out: OutOption,
    part: Annotated[list[str] | None, typer.Option("--show", help="Part to open: behaviour, original, copy.")] = None,
    account: Annotated[str, typer.Option("--account", help="With content: the account of this home that reads.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="With content: what for, docs/spec/permit.md.")] = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove a record: registered by whom, when, in which batch; not destroyed as of the checkpoint.

    A bundle that shows content is a read of the account that is named: under a permit, with its access entry.
    """
    identifier_bytes(record_id)
    shown = frozenset(part if part is not None else ["behaviour"])
    for name in sorted(shown - set(PARTS)):
        raise PartUnknown(part=name[:40])
    if shown - {"behaviour"}:
        if not account or not purpose:
            raise typer.BadParameter("to show content takes --account and --purpose")
        what = read_choice("--purpose", Purpose, purpose)
        with own_serving([home, *(others or [])], read_passphrase(passphrase_file)) as serving:
            bundle, _ = prove_with_content(serving, account, record_id, what, shown)
        write_file(out, bundle, 0o600)
    else:
        if not others and serving_process(home) is not None:
            bundle = ServedHome(home).prove("record", record_id)
        else:
            with opened(home, passphrase_file) as node, open_archive(node, writing=False) as archive:
                bundle = prove_record(archive, record_id, shown)
        write_file(out, bundle)
    show({"bundle": str(out), "bytes": len(bundle)}, [f"Wrote {out}, {len(bundle)} bytes."], as_json=as_json)


@app.command("anchor")
def anchor(
    home: HomeOption, out: OutOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Prove the last anchor of this home's private chain."""
    if serving_process(home) is not None:
        bundle = ServedHome(home).prove("anchor")
    else:
        with opened(home, passphrase_file) as node:
            bundle = prove_anchor(node, node.private_ledger().rules.chain)
    write_file(out, bundle)
    show({"bundle": str(out), "bytes": len(bundle)}, [f"Wrote {out}, {len(bundle)} bytes."], as_json=as_json)


@app.command("access")
def access(
    home: HomeOption,
    out: OutOption,
    entry: Annotated[str | None, typer.Option("--entry", help="Hash of the one entry to prove, hexadecimal.")] = None,
    record_: Annotated[
        str | None, typer.Option("--record", help="Record commitment, hexadecimal: prove all its entries.")
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove one access entry, or that a record's entries up to the last anchor are all there are."""
    if (entry is None) == (record_ is None):
        raise typer.BadParameter("give either --entry or --record")
    wanted = read_hash(entry or record_ or "")
    if serving_process(home) is not None:
        bundle = ServedHome(home).prove("entry" if entry is not None else "reads", wanted.hex())
    else:
        with opened(home, passphrase_file) as node:
            bundle = prove_entry(node, wanted) if entry is not None else prove_reads(node, wanted)
    write_file(out, bundle)
    show({"bundle": str(out), "bytes": len(bundle)}, [f"Wrote {out}, {len(bundle)} bytes."], as_json=as_json)


@app.command("trust")
def trust(
    home: HomeOption, out: OutOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Write the trust file of the consortium chain, to be given to auditors by a way that they trust."""
    if serving_process(home) is not None:
        data = ServedHome(home).prove("trust")
    else:
        with opened(home, passphrase_file) as node:
            data = encode_trust(trust_of(node.consortium))
    write_file(out, data)
    show({"trust": str(out)}, [f"Wrote {out}."], as_json=as_json)


@app.command("checkpoint")
def checkpoint(
    home: HomeOption,
    others: WithOption = None,
    seconds: Annotated[
        int, typer.Option("--seconds", min=0, max=60, help="Of a running node: how long to wait for a quorum.")
    ] = 10,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a checkpoint of the consortium chain as this home has it, and keep it; homes given by --with cosign it.

    Each home signs only what its own execution gave, and keeps the checkpoint with all signatures. A running node asks
    the other members' nodes, and shows its newest checkpoint with a quorum.
    """
    if not others and serving_process(home) is not None:
        said = ServedHome(home).checkpoint(seconds)
        missing = [] if said.signatures >= said.quorum else [f"{said.signatures} of {said.quorum} cosignatures"]
        show(to_builtins(said), [said.note.rstrip("\n"), *missing], as_json=as_json)
        return
    if others:
        with opened_site(home, others, passphrase_file) as site:
            cosigned = cosign_together(site.nodes)
    else:
        with opened(home, passphrase_file) as node:
            cosigned = cosign_together([node])
    note = cosigned.note
    data = {
        "height": note.head.height,
        "note": note.encode().decode(),
        "signatures": len(note.signatures),
        "absent": [{"member": member, "reason": why.code} for member, why in cosigned.absent],
    }
    lines = [f"member {member} did not sign: {why.sentence(language())}" for member, why in cosigned.absent]
    show(data, [note.encode().decode().rstrip("\n"), *lines], as_json=as_json)


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="The proof bundle.")],
    trust_file: Annotated[Path | None, typer.Option("--trust", help="The trust file that you pinned.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a proof bundle by the numbered steps of docs/spec/proof-bundle.md; exit status as xinglin-verify."""
    report = _report(bundle, trust_file)
    show(_report_json(report), _report_lines(report), as_json=as_json)
    if report.verdict:
        raise typer.Exit(int(report.verdict))


def _report(bundle: Path, trust_file: Path | None) -> BundleReport:
    """Return the report on the files; one that can't be read ends it at the step that reads it."""
    try:
        data = read_file(bundle, MAX_BYTES)
    except FileUnreadable as refusal:
        return unread(1, refusal)
    try:
        trusted = None if trust_file is None else read_file(trust_file, MAX_TRUST_BYTES)
    except FileUnreadable as refusal:
        return unread(3, refusal)
    return check_proof(data, trusted)


def _report_json(report: BundleReport) -> dict[str, object]:
    steps = [
        {"step": f"P{s.number}", "title": s.title, "verdict": s.verdict.value, "facts": dict(s.facts)}
        | ({"code": s.refusal.code, "reason": s.refusal.sentence()} if s.refusal is not None else {})
        for s in report.steps
    ]
    return {"verdict": report.verdict.name.lower(), "steps": steps}


def _report_lines(report: BundleReport) -> list[str]:
    lines = []
    for step in report.steps:
        reason = f": {step.refusal.sentence()}" if step.refusal is not None else ""
        lines.append(f"P{step.number:<3} {step.title:<16} {step.verdict.value}{reason}")
    return [*lines, report.verdict.name.lower().replace("_", " ")]
