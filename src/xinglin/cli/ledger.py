"""``xinglin ledger``: what chains a home keeps, whether they are what was committed, and beginning one anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from xinglin.carrier.ledger.recheck import Finding
from xinglin.carrier.ledger.trust import MAX_TRUST_BYTES
from xinglin.cli.files import move_file, read_file
from xinglin.cli.options import HomeOption, JsonOption, PackageOption, PassphraseOption, opened
from xinglin.cli.output import console, show, tell_refusal
from xinglin.cli.passphrase import read_passphrase
from xinglin.kernel.errors import Integrity, PlatformError, Unavailable
from xinglin.node.behind import KnownBy
from xinglin.node.chains import SystemClock
from xinglin.node.consortium.fetching import package_from
from xinglin.node.consortium.rebuilding import Sources, rebuild
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.served import ServedHome
from xinglin.node.status import chain_row
from xinglin.node.storage_use import storage_use
from xinglin.node.verify import HomeReport, verify_home

_LEFT_OUT = ["settings", "accounts", "records"]
"""What verifying leaves out where the consortium chain is behind."""
_KNOWN_BY = {
    KnownBy.CHECKPOINT: "a checkpoint that is kept",
    KnownBy.SET_ASIDE: "the chain that was set aside",
    KnownBy.REGISTRATION: "the registration of this node",
}

app = typer.Typer(help="Chains of a home: show, verify, storage, rebuild.", no_args_is_help=True)


class HomeDamaged(Integrity):
    """Verifying a home found something that is not as it was committed."""

    code, number, clause = "home.damaged", 6120, "S6.2c2"
    en = "The home is damaged: {count} findings, the first is {first}."
    zh = "节点目录已损坏：{count} 处发现，第一处为 {first}。"
    hint_en = (
        "Don't serve from it. Restore the part that is named from a backup, or, where it is a chain that other members "
        "have, 'xinglin ledger rebuild' the home; then verify again."
    )
    hint_zh = (
        "请勿用其提供服务。请从备份恢复所指部分；"
        "若为其他成员也保有的链，可用 xinglin ledger rebuild 重建。然后重新校验。"
    )


class HomeNotWhole(Unavailable):
    """A home can't be verified yet: it began at a height, and has not all of the log before it."""

    code, number, clause = "home.not_whole", 6380, "S6.2c2"
    en = "The home can't be verified yet: the log before its beginning is not whole."
    zh = "节点目录尚无法校验：其起点之前的日志尚不完整。"
    hint_en = "Nothing is damaged by that. Serve it until 'xinglin ledger show' says that no entry is missing."
    hint_zh = "这不表示有损坏。请运行该节点，直到 xinglin ledger show 显示没有缺少条目。"


class HomeBehind(Unavailable):
    """A home can't be verified whole yet: its consortium chain is not as far as the home has known it."""

    code, number, clause = "home.behind", 6381, "S6.2c2"
    en = "The home is behind: chain {chain} is at height {height} here, and the home knows of height {known}."
    zh = "节点目录落后：链 {chain} 在此处高度为 {height}，而该目录已知高度 {known}。"
    hint_en = (
        "What is here holds. After a rebuild or a join: serve it until 'xinglin ledger show' tells that height, then"
        " verify again. Otherwise the chain was set back: find out by whom, and rebuild it."
    )
    hint_zh = (
        "现有内容无误。若刚重建或加入：请运行节点直至 xinglin ledger show 显示该高度，再行校验；"
        "否则说明链被回退：请查明原因并重建。"
    )


@app.command("show")
def show_chains(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Show the chains of a home: height, time, log size, app hash, and how much of the private one is anchored."""
    rows = _chains(home, passphrase_file)
    lines = [line for row in rows for line in _lines(row)]
    show({"home": str(home), "chains": rows}, lines, as_json=as_json)


@app.command("verify")
def verify(
    home: HomeOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recheck everything: chains re-executed from genesis, checkpoints, vault against commitments, keys."""
    passphrase = read_passphrase(passphrase_file)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("verify")
        report = verify_home(home, passphrase, lambda what: progress.update(task, description=what))
    show(_report_json(home, report), _report_lines(report), as_json=as_json)
    refusal = _refusal(report)
    if refusal is not None:
        if not as_json:
            tell_refusal(refusal)
        raise typer.Exit(refusal.exit_status)


@app.command("storage")
def storage(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Show how much the chains of a home take, how fast that grows, and in how many days the room ends."""
    if serving_process(home) is not None:
        use = ServedHome(home).status()["storage"]
    else:
        with opened(home, passphrase_file) as node:
            use = storage_use(node).row()
    show({"home": str(home), **use}, _storage_lines(use), as_json=as_json)


@app.command("package")
def package(
    home: HomeOption,
    out: Annotated[Path, typer.Option("--out", help="Where the package goes; no file is there yet.", dir_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Write what another node needs to begin at the newest cosigned height; the home is served on CometBFT."""
    said = ServedHome(home).package()
    move_file(Path(said.path), out)
    data = {"home": str(home), "package": str(out), "height": said.height, "bytes": said.bytes}
    show(data, [f"{out}: height {said.height}, {said.bytes} bytes"], as_json=as_json)


@app.command("rebuild")
def rebuild_chain(
    home: HomeOption,
    genesis: Annotated[
        Path | None,
        typer.Option("--genesis", help="File with the chain's genesis, for a home that has lost it.", dir_okay=False),
    ] = None,
    package: PackageOption = None,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Trust file whose pins the package must meet besides.", dir_okay=False),
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a damaged consortium chain anew from the other members: set aside what is there, keep keys and signatures.

    'xinglin serve' then brings it up to date. The private chain and the records are not touched.
    """
    pinned = None if trust is None else read_file(trust, MAX_TRUST_BYTES)
    with package_from(home, package, lambda: read_passphrase(passphrase_file)) as file:
        done = rebuild(home, SystemClock().now_ms(), Sources(genesis, file, pinned))
    data = {
        "home": str(home),
        "chain": done.chain,
        "height": done.height,
        "aside": str(done.aside),
        "moved": [str(one.relative_to(done.aside)) for one in done.moved],
        "bytes": done.bytes,
    }
    lines = [
        f"{done.chain} begins anew at height {done.height}.",
        f"  set aside  {done.aside} ({len(done.moved)} parts, {done.bytes} bytes)",
        "Start it with 'xinglin serve': the engine fetches the blocks from the other members.",
    ]
    show(data, lines, as_json=as_json)


def _chains(home: Path, passphrase_file: Path | None) -> list[Mapping[str, Any]]:
    """Return what is told of each chain: by the node that serves the home, else by the home."""
    if serving_process(home) is not None:
        return list(ServedHome(home).status()["chains"])
    with opened(home, passphrase_file) as node:
        now = SystemClock().now_ms()
        ledgers = [node.consortium] if node.private is None else [node.consortium, node.private]
        return [chain_row(node, ledger, now) for ledger in ledgers]


def _storage_lines(use: Mapping[str, Any]) -> list[str]:
    lines = []
    for one in use["chains"]:
        lines.append(f"{one['chain']}  {one['profile']}")
        lines.append(f"  store  {one['store']} of {one['limit']} bytes; engine {one['engine']} bytes")
        lines.append(f"  grows  {one['daily']} bytes a day; {_days_left(one['days'])}")
    lines.append(f"disk: {use['disk']} of {use['disk_limit']} bytes (80 %); {_days_left(use['days'])}")
    return [*lines, "ALARM: the room ends soon"] if use["alarm"] else lines


def _days_left(days: float | None) -> str:
    return "no end in sight" if days is None else f"full in {days:.0f} days"


def _lines(row: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{row['chain']}  {row['profile']}",
        f"  height {row['height']}, {row['log_size']} log entries, last block {row['age_ms'] // 1000} s ago",
        f"  app hash {row['app_hash']}",
    ]
    if row["log_missing"]:
        lines.append(f"  log: {row['log_missing']} older entries are not here yet; a served node fetches them")
    if row.get("anchor"):
        lines.append(f"  anchored: {row['anchor']['size']} of {row['log_size']} log entries")
    elif "anchor" in row:
        lines.append("  not anchored: it is not named on the consortium chain")
    return lines


def _report_json(home: Path, report: HomeReport) -> dict[str, Any]:
    refusal = _refusal(report)
    return {
        "home": str(home),
        "holds": refusal is None,
        "code": None if refusal is None else refusal.code,
        "behind": None if report.behind is None else asdict(report.behind) | {"not_compared": _LEFT_OUT},
        "chains": [
            {"chain": c.chain, "height": c.height, "entries": c.entries, "app_hash": c.app_hash} for c in report.chains
        ],
        "records": report.records,
        "findings": [{"code": f.code, "where": f.where, "sentence": f.sentence} for f in report.findings],
    }


def _refusal(report: HomeReport) -> PlatformError | None:
    """Return what a report comes to, None when everything holds."""
    if report.too_early:
        return HomeNotWhole()
    if report.findings:
        return HomeDamaged(count=len(report.findings), first=report.findings[0].code)
    late = report.behind
    return None if late is None else HomeBehind(chain=late.chain, height=late.height, known=late.known)


def _report_lines(report: HomeReport) -> list[str]:
    lines = [f"{c.chain}: {c.height} blocks and {c.entries} entries executed again" for c in report.chains]
    late = report.behind
    if late is None:
        lines.append(
            f"vault: {report.records} records compared, with their commitments or, destroyed, with their orders"
        )
    else:
        lines.append(f"{late.chain}: behind, at height {late.height} of {late.known} ({_KNOWN_BY[late.by]})")
        lines.append(f"not compared yet: {late.checkpoints} checkpoints of later heights, {', '.join(_LEFT_OUT)}")
    lines += [_finding_line(finding) for finding in report.findings]
    if report.findings:
        lines.append("does not hold")
    else:
        lines.append("holds" if late is None else f"holds so far, up to height {late.height}")
    return lines


def _finding_line(finding: Finding) -> str:
    return f"FOUND [{finding.code}] {finding.where}: {finding.sentence}"
