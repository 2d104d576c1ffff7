"""``xinglin record trace``: what became of a record, as far as an account may see it (S8.6b to S8.6d)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.options import HomeOption, JsonOption, NamedRecord, PassphraseOption
from xinglin.cli.output import language, show, when
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.errors import error_for_number
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.tracing import trace_record
from xinglin.node.records.naming import commitment_in
from xinglin.stakeholders.purposes import Purpose


def trace(
    home: HomeOption,
    record: NamedRecord,
    account: Annotated[str, typer.Option("--as", help="Whose account looks; its key is in an open home.")],
    purpose: Annotated[
        Purpose | None,
        typer.Option("--purpose", help="What for; it stands in the access entry. By the account's roles."),
    ] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a record's trace: origin, registration, versions, permits, who asked and was given it, holds, its end.

    How much is shown depends on the record's level and category and on the account's role; the look is an access entry.
    """
    commitment_in(record)
    identifier_bytes(account)
    with opened_site(home, others, passphrase_file) as site:
        values = trace_record(site, record, account, purpose)
    show(values, _lines(values), as_json=as_json)


def outcome_text(number: int) -> str:
    """Return what became of a request, by the number in its entry."""
    if number == 0:
        return "permitted"
    case = error_for_number(number)
    return f"refused [{case.code if case else number}]"


def _lines(values: dict[str, Any]) -> list[str]:
    depths = ", ".join(f"{group} {depth}" for group, depth in values["depths"].items())
    lines = [f"shown to {values['viewer']}: level {values['level']}, {values['category']}; {depths}"]
    for version in values["versions"]:
        lines.append(_version(version, values))
        for group, tell in _TELL.items():
            if group in version:
                lines += [f"  {line}" for line in tell(version[group])]
    return lines


def _version(version: dict[str, Any], values: dict[str, Any]) -> str:
    """Return the heading of a version: labels and depths where they are not those of the record that is named."""
    line = f"version {version['number']}{' (current)' if version['current'] else ''}"
    if version["withheld"]:
        return f"{line}: {version['state']}; nothing more of it is shown to this account"
    if all(version[name] == values[name] for name in ("level", "category", "depths")):
        return line
    depths = ", ".join(f"{group} {depth}" for group, depth in version["depths"].items())
    return f"{line}: level {version['level']}, {version['category']}; {depths}"


def _origin(values: dict[str, Any]) -> list[str]:
    if "type" not in values:
        return [f"registered: {'yes' if values['registered'] else 'no'}"]
    recorder = f" by {values['recorder']}" if values["recorder"] else ""
    lines = [
        f"{values['type']} {values['record']} of {when(values['generated'])}, from {values['source'] or '-'}",
        f"produced by {values['producer']}, recorded{recorder}",
    ]
    if "registered" in values:
        at = values.get("registration")
        place = f": batch {at['batch']}, item {at['item']} of log entry {at['log_entry']}" if at else ""
        lines.append(f"registered {when(values['registered'])}{place}")
    return lines


def _access(values: dict[str, Any]) -> list[str]:
    complete = "complete" if values["complete"] else "NOT COMPLETE"
    numbers = f"{values['permitted']} permitted, {values['refused']} refused; list {complete}"
    lines = [f"{values['count']} requests: {numbers}"]
    for one in values.get("entries", []):
        who = one["account"] or f"an account of {one['member']}"
        proof = f"  basis {one['basis']}, log entry {one['proof']['log_entry']}" if "proof" in one else ""
        what = f"{one['action']} for {one['purpose']}: {outcome_text(one['outcome'])}"
        lines.append(f"  {when(one['time'])}  {who}  {what}  {one['entry'][:16]}{proof}")
    return lines


def _permits(values: dict[str, Any]) -> list[str]:
    lines = [f"rested on {basis}: {times} times" for basis, times in values["by_basis"].items()]
    for one in values.get("permits", []):
        reference = f" {one['reference']}" if one.get("reference") else ""
        lines.append(f"  {one['basis']}{reference}: {one['times']} times until {when(one['last'])}")
    return lines


def _changes(values: dict[str, Any]) -> list[str]:
    if not values["corrected"]:
        return []
    told = f"{values['told']} told, {values['acknowledged']} acknowledged"
    if "correction" not in values:
        return [f"corrected; {told}"]
    one = values["correction"]
    by = f" by {one['account']}" if one["account"] else ""
    return [f"corrected {when(one['time'])}{by}: {one['reason_zh' if language() == 'zh' else 'reason_en']}; {told}"]


def _end(values: dict[str, Any]) -> list[str]:
    lines = [f"{values['standing']}, {values['holds']} holds"]
    if "ground" in values:
        lines.append(f"  ordered by {values['ordered_by']}, confirmed by {values['confirmed_by']}: {values['ground']}")
    if values.get("certificate"):
        lines.append(f"  certificate {values['certificate']}")
    return lines


_TELL = {"origin": _origin, "access": _access, "permits": _permits, "changes": _changes, "end": _end}
