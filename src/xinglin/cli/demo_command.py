"""``xinglin demo``: the main job on four homes in one process, with real or made-up bundles."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xinglin.carrier.consensus.comet.binary import find_engine
from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.caring import care
from xinglin.cli.demo.choosing import cast
from xinglin.cli.demo.cohort import write_cohort
from xinglin.cli.demo.consenting import SCAN, consent
from xinglin.cli.demo.correcting import correct
from xinglin.cli.demo.destroying import CERTIFICATE, destroy
from xinglin.cli.demo.founding import APPLICANT, compare, found
from xinglin.cli.demo.linking import link
from xinglin.cli.demo.proving import ANCHOR_BUNDLE, RECORD_BUNDLE, TRUST, prove
from xinglin.cli.demo.records import take_in
from xinglin.cli.demo.refusing import refuse
from xinglin.cli.demo.scene import open_scene
from xinglin.cli.demo.sealing import EPISODE_BUNDLE, REPORT_HTML, REPORT_PDF, seal
from xinglin.cli.demo.stage import HOMES, PASSPHRASE, NoBundles, Stage
from xinglin.cli.demo.tampering import tamper
from xinglin.cli.demo.tracing import ENTRY_BUNDLE, READS_BUNDLE, trace
from xinglin.cli.options import JsonOption
from xinglin.cli.output import show
from xinglin.kernel.errors import Invalid
from xinglin.node.consortium.network_setup import free_places
from xinglin.node.home import HomeExists

_MARK, _RESULT, _COHORT = ".xinglin-demo", "demo.json", "bundles"
_FILES = {
    "record": RECORD_BUNDLE,
    "anchor": ANCHOR_BUNDLE,
    "reads": READS_BUNDLE,
    "entry": ENTRY_BUNDLE,
    "episode": EPISODE_BUNDLE,
}
"""Proof bundles, by what they prove."""
_PAPERS = {"scan": SCAN, "certificate": CERTIFICATE, "report_html": REPORT_HTML, "report_pdf": REPORT_PDF}
"""Other files that it writes, where the bundles have patients to show these parts on."""
_OWN = (*(name for name, _, _ in HOMES), APPLICANT, PASSPHRASE, TRUST, *_FILES.values(), *_PAPERS.values(), _RESULT)
"""What a demonstration makes in its folder, beside the invented bundles."""


class LocaleUnknown(Invalid):
    """Patients were asked for of a country that the demonstration has no names for."""

    code, number, clause = "demo.locale_unknown", 6156, "H1"
    en = "The demonstration can't make patients of {locale}; it knows zh."
    zh = "演示无法生成 {locale} 的患者，只支持 zh。"
    hint_en = "Use --localise zh, or leave the option out."
    hint_zh = "请使用 --localise zh，或省略该选项。"


class DataInside(Invalid):
    """The data lie in the folder that the demonstration makes, and replaces."""

    code, number, clause = "demo.data_inside", 6153, "S6.3b"
    en = "The data in {folder} lie in {home}, which the demonstration replaces."
    zh = "数据目录 {folder} 位于演示会替换的 {home} 之内。"
    hint_en = "Move the data out of it, or choose another folder with --home."
    hint_zh = "请移出数据，或用 --home 选择其他目录。"


def demo(
    home: Annotated[Path, typer.Option("--home", help="Where the homes are made.")] = Path("xinglin-demo"),
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of FHIR bundles; invented when not given.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option("--localise", help="zh: give the patients Chinese names, numbers and addresses.")
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Let CometBFT make the consortium's blocks, an engine beside each home.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the main job on four homes: records registered, proven, read under consent, refused, destroyed, sealed."""
    if network:
        find_engine()
    if locale not in (None, "zh"):
        raise LocaleUnknown(locale=locale)
    files = _given(data, home) if data is not None else None
    _prepare(home)
    start = time.perf_counter()
    stage = Stage(home, Console(stderr=True, highlight=False, soft_wrap=True), language=locale or "en")
    if network:
        stage.places = free_places(len(HOMES) + 1)
    if files is None:
        (home / _COHORT).mkdir()
        (home / _COHORT / _MARK).touch()
        files = write_cohort(home / _COHORT)
        stage.say(f"{len(files)} patients invented by carebundle, in {home / _COHORT}")
    found(stage)
    take_in(stage, files, localised=locale is not None)
    prove(stage)
    tamper(stage)
    _care(stage)
    seconds = round(time.perf_counter() - start, 1)
    stage.head("Done")
    result = _result(stage, seconds)
    write_durably(home / _RESULT, json.dumps(result, indent=2).encode() + b"\n")
    show(result, _ending(stage, seconds, result), as_json=as_json)


def _ending(stage: Stage, seconds: float, result: dict[str, Any]) -> list[str]:
    """Return what is left, and how to look on."""
    home = stage.folder
    at_a, passphrase = f"--home {home / HOMES[0][0]}", f"--passphrase-file {home / PASSPHRASE}"
    return [
        f"{stage.figures['records']} records, {seconds} s in all",
        f"Homes are left in {home}; the passphrase of their key stores is in {home / PASSPHRASE}.",
        f"Proof bundles:  {', '.join(Path(file).name for file in result['bundles'].values())}; trust: {TRUST}",
        f"Papers:         {', '.join(Path(file).name for file in result['papers'].values())}",
        f"Look at a home: xinglin ledger show {at_a} {passphrase}",
        "More to look at: xinglin record holders, access person, consent list, destruction list, notice list",
        f"Check a proof:  xinglin-verify {home / RECORD_BUNDLE} --trust {home / TRUST}",
    ]


def _care(stage: Stage) -> None:
    """Parts 6 on: two hospitals and their patients."""
    with open_scene(stage) as scene:
        link(scene)
        chosen = cast(scene)
        if chosen is not None:
            for part in (consent, refuse, care, correct, trace):
                part(scene, chosen)
        destroy(scene)
        seal(scene)
        compare(stage, scene.group.nodes)


def _given(data: Path, home: Path) -> list[Path]:
    files = sorted(data.glob("*.json"))
    if any(path.resolve().is_relative_to(home.resolve()) for path in (data, *files)):
        raise DataInside(folder=str(data), home=str(home))
    if not files:
        raise NoBundles(folder=str(data))
    return files


def _prepare(home: Path) -> None:
    """Make the folder; what an earlier demonstration made in it is replaced, anything else is left alone."""
    if (home / _MARK).is_file():
        for name in _OWN:
            path = home / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if (home / _COHORT / _MARK).is_file():
            shutil.rmtree(home / _COHORT)
    elif home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeExists(home=str(home))
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / _MARK).write_text("A folder of 'xinglin demo': the next demonstration replaces it.\n", encoding="utf-8")


def _result(stage: Stage, seconds: float) -> dict[str, Any]:
    return {
        "homes": {name: str(stage.home(name)) for name in stage.new},
        "bundles": _written(stage, _FILES),
        "papers": _written(stage, _PAPERS),
        "trust": str(stage.folder / TRUST),
        "passphrase_file": str(stage.folder / PASSPHRASE),
        "seconds": seconds,
        "figures": stage.figures,
    }


def _written(stage: Stage, files: dict[str, str]) -> dict[str, str]:
    return {name: str(stage.folder / file) for name, file in files.items() if (stage.folder / file).is_file()}
