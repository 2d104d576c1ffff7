"""Refusals of the runtime itself (numbers 1303 to 1349; 1301 and 1302 are in ``api.py``)."""

from __future__ import annotations

from xinglin.kernel.errors import Denied, Invalid


class NamespaceForbidden(Denied):
    """A contract reached for a namespace that is not its own, or a private one of another."""

    code, number, clause = "contract.namespace", 1303, "S6.2a3"
    en = "Contract {contract} may not use the namespace {namespace}."
    zh = "合约 {contract} 不得使用命名空间 {namespace}。"
    hint_en = "A contract writes its own namespaces and reads public ones."
    hint_zh = "合约只能写自己的命名空间，读公开的命名空间。"


class StateKeyTooLong(Invalid):
    """A key of the state would be longer than the store takes."""

    code, number, clause = "contract.key_too_long", 1304, "S9.1"
    en = "A state key would have {found} bytes; {maximum} are allowed."
    zh = "状态键将有 {found} 字节；最多允许 {maximum} 字节。"
    hint_en = "Use shorter names."
    hint_zh = "请使用较短的名称。"
