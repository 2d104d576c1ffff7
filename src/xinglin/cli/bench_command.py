"""``xinglin bench``: measures this machine; each benchmark prints one JSON object (design D15)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.bench.crypto import bench_crypto
from xinglin.cli.bench.empi import bench_empi
from xinglin.cli.bench.intake import bench_intake
from xinglin.cli.bench.ledger import bench_growth, bench_ledger, bench_records
from xinglin.cli.bench.network.report import Sizes, bench_network
from xinglin.cli.bench.permitted import bench_read
from xinglin.cli.bench.reads import bench_access
from xinglin.cli.output import show

app = typer.Typer(
    help="Benchmarks: crypto, ledger, records, intake, ingest, access, read, empi, growth, network.",
    no_args_is_help=True,
)
FolderOption = Annotated[Path | None, typer.Option("--dir", help="Folder for the benchmark's homes; deleted after.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("crypto")
def crypto(
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=100_000, help="Batches of 100.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """SM2 signing and verifying, SM3, SM4-GCM."""
    _show(bench_crypto(rounds), as_json=as_json)


@app.command("ledger")
def ledger(
    transactions: Annotated[int, typer.Option("--transactions", min=1, max=10_000_000, help="How many.")] = 30_000,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Signed transactions per second, embedded engine, durable."""
    _show(bench_ledger(transactions, folder), as_json=as_json)


@app.command("records")
def records(
    commitments: Annotated[int, typer.Option("--commitments", min=256, max=100_000_000, help="How many.")] = 512_000,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record commitments registered per second, given (commitment, locator) pairs."""
    _show(bench_records(commitments, folder), as_json=as_json)


@app.command("intake")
def intake(
    data: Annotated[Path | None, typer.Option("--data", help="Folder of FHIR bundles; made up when not given.")] = None,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """FHIR resources validated, matched, graded, de-identified, encrypted and registered per second; as ingest."""
    _show(bench_intake(data, folder), as_json=as_json)


@app.command("ingest")
def ingest(
    data: Annotated[Path | None, typer.Option("--data", help="Folder of FHIR bundles; made up when not given.")] = None,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """FHIR resources taken in per second with everything on, until they are anchored."""
    _show(bench_intake(data, folder), as_json=as_json)


@app.command("access")
def access(
    entries: Annotated[int, typer.Option("--entries", min=1, max=10_000_000, help="How many.")] = 20_000,
    threads: Annotated[int, typer.Option("--threads", min=1, max=256, help="Readers that wait at once.")] = 8,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Access entries per second, each durable on the private chain before it is answered."""
    _show(bench_access(entries, threads, folder), as_json=as_json)


@app.command("read")
def read(
    reads: Annotated[int, typer.Option("--reads", min=1, max=10_000_000, help="How many, of each figure.")] = 5_000,
    readers: Annotated[
        str, typer.Option("--readers", help="Numbers of readers that wait at once, separated by commas.")
    ] = "1,8",
    records: Annotated[
        str, typer.Option("--records", help="Records in the vault; several, ascending, compare sizes in one run.")
    ] = "10000",
    apart: Annotated[bool, typer.Option("--apart", help="Measure readers in a process of their own too.")] = False,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Permitted reads per second: decided, audited, on record before the content comes, compared by the reader."""
    waiting, sizes = _numbers(readers, "readers", 256), _numbers(records, "records", 10_000_000)
    if sizes != sorted(set(sizes)):
        raise typer.BadParameter("records: ascending")
    _show(bench_read(reads, waiting, sizes, folder, apart=apart), as_json=as_json)


@app.command("empi")
def empi(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of labelled registrations; people are made up when not given.")
    ] = None,
    persons: Annotated[
        int, typer.Option("--persons", min=1, max=10_000_000, help="In the index when look-ups are measured.")
    ] = 100_000,
    as_json: JsonOption = False,
) -> None:
    """Look-ups in the patient index per second; precision, recall and F1 of its matching."""
    _show(bench_empi(data, persons), as_json=as_json)


@app.command("growth")
def growth(
    sizes: Annotated[str, typer.Option("--sizes", help="Numbers of records, ascending, separated by commas.")] = (
        "10000,100000,1000000"
    ),
    sample: Annotated[int, typer.Option("--sample", min=256, help="Commitments measured at each size.")] = 102_400,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """The rate of registering at growing sizes, and the ratio of the last to the first."""
    try:
        numbers = [int(size) for size in sizes.split(",")]
    except ValueError:
        raise typer.BadParameter("sizes are whole numbers separated by commas") from None
    if numbers != sorted(numbers) or len(numbers) < 2 or numbers[0] < 1:
        raise typer.BadParameter("at least two sizes, ascending")
    _show(bench_growth(numbers, sample, folder), as_json=as_json)


@app.command("network")
def network(
    nodes: Annotated[int, typer.Option("--nodes", min=4, max=16, help="Validators, each a process of its own.")] = 4,
    transactions: Annotated[
        int, typer.Option("--transactions", min=16, max=100_000, help="Signed transactions of a round.")
    ] = 10_000,
    commitments: Annotated[
        int, typer.Option("--commitments", min=1_024, max=10_000_000, help="Commitments of a round.")
    ] = 204_800,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=20, help="Rounds, of which the best counts.")] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, max=60, help="For so long finality is measured at each load.")
    ] = 8.0,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """A consortium on CometBFT: transactions committed on all nodes, finality under load, commitments, per second."""
    _show(bench_network(Sizes(nodes, transactions, commitments, rounds, seconds), folder), as_json=as_json)


def _numbers(text: str, what: str, most: int) -> list[int]:
    try:
        numbers = [int(one) for one in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{what} are whole numbers separated by commas") from None
    if not all(1 <= one <= most for one in numbers):
        raise typer.BadParameter(f"{what} are from 1 to {most}")
    return numbers


def _show(measured: dict[str, Any], *, as_json: bool) -> None:
    # Shares and ratios need their decimals; nobody needs those of a rate.
    rates = [f"{one['rate']:,.{1 if one['rate'] > 10 else 4}f}" for one in measured["results"]]
    lines = [
        f"{one['name']:<28} {rate:>16} {one['unit']}" for one, rate in zip(measured["results"], rates, strict=True)
    ]
    show(measured, lines, as_json=as_json)
