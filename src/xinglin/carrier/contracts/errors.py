"""Refusals of the runtime and the application (numbers 1280, 1303 to 1349; 1301 and 1302 are in ``api.py``)."""

from __future__ import annotations

from xinglin.kernel.errors import Denied, Integrity, Invalid


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


class EngineGenesisOther(Integrity):
    """An engine would begin with another chain, genesis or set of validators than this chain was founded with."""

    code, number, clause = "founding.engine_genesis", 1280, "S6.2c1"
    en = "The engine can't begin chain {chain}: {what}."
    zh = "共识引擎不能启动链 {chain}：{what}。"
    hint_en = "Make the engine's genesis document again from the chain's genesis and founding transactions."
    hint_zh = "请用本链的创世块与创始事务重新生成引擎的创世文件。"
