"""Refusals of engines (numbers 1350 to 1379, 6351, 6353)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Unavailable


class EngineClosed(Unavailable):
    """The engine was stopped before the transaction was in a block."""

    code, number, clause = "engine.closed", 1350, "S9.1"
    en = "The chain was closed before the transaction was committed."
    zh = "链在事务提交之前已关闭。"
    hint_en = "Submit it again; the ledger takes it once only."
    hint_zh = "请重新提交；账本只接受一次。"


class ClockBehind(Unavailable):
    """Blocks are made, and their time differs from this machine's clock by more than a submission allows."""

    code, number, clause = "engine.clock", 1351, "S9.3"
    en = "Blocks are made, but their time differs from this machine's clock by {difference} ms."
    zh = "正在出块，但区块时间与本机时钟相差 {difference} 毫秒。"
    hint_en = "Set this machine's clock right (time synchronisation); blocks go on meanwhile."
    hint_zh = "请校准本机时钟（时间同步）；出块不受影响。"


class ChainStands(Unavailable):
    """No block of now comes: too few of those who make blocks are there, or this node is catching up."""

    code, number, clause = "engine.stands", 6353, "S9.3"
    en = "The newest block is {seconds} s old: the chain makes none, or this node is catching up."
    zh = "最新区块已过去 {seconds} 秒：链未出块，或本节点正在追赶。"
    hint_en = "See 'xinglin engine links': more than two thirds of the voting members must run and reach one another."
    hint_zh = "请查看 xinglin engine links：须有超过三分之二的表决成员运行并互通。"


class PassedOver(Unavailable):
    """A block passed a transaction over for a reason that may pass; it is open until its ``valid_until``."""

    code, number, clause = "submission.passed_over", 6351, "S9.1"
    en = "A block passed the transaction over ({reason}); another one may log it until its valid_until."
    zh = "一个区块跳过了该事务（{reason}）；在其 valid_until 之前仍可能入账。"
    hint_en = "Hand in the very same bytes again once the reason is gone; never sign it anew before that time."
    hint_zh = "原因消除后请重新提交完全相同的字节；该时间之前切勿重新签名。"


class GroupRequired(Conflict):
    """A chain that several homes keep together was opened by one of them alone, or by no majority."""

    code, number, clause = "chain.group_required", 1352, "H2"
    en = "Chain {chain} is kept by several homes together; half of them or fewer can only read it."
    zh = "链 {chain} 由多个节点共同维护；仅打开半数或更少的节点时只能读取。"
    hint_en = "Open more than half of the homes together (--with), or use a command that only reads."
    hint_zh = "请同时打开过半数的节点（--with），或使用只读命令。"


class AppHashDiffers(Integrity):
    """Executing the same block, homes computed different app hashes."""

    code, number, clause = "engine.app_hash", 1353, "S9.2"
    en = "At height {height} of chain {chain}, homes have different app hashes; stopped: {home}."
    zh = "在链 {chain} 的高度 {height}，各节点的应用状态哈希不同；已停用：{home}。"
    hint_en = "The hashes of all homes are kept under evidence; verify the ledgers of those that are stopped."
    hint_zh = "所有节点的哈希已作为证据保存；请校验已停用节点的账本。"


class QueueFull(Unavailable):
    """More transactions are waiting than the engine holds."""

    code, number, clause = "engine.queue_full", 1354, "S8.5c"
    en = "{waiting} transactions of {size} bytes together are waiting for a block."
    zh = "有 {waiting} 笔事务（共 {size} 字节）在等待出块。"
    hint_en = "Submit more slowly, or again in a moment."
    hint_zh = "请放慢提交，或稍后重试。"


class EngineFailed(Unavailable):
    """A fault of the program stopped the engine; what was being committed may or may not be durable."""

    code, number, clause = "engine.failed", 1355, "S9.1"
    en = "The engine of the chain was stopped by a fault: {fault}."
    zh = "链的引擎因程序故障停止：{fault}。"
    hint_en = "Start the node again and look up what became of the transaction; report the fault."
    hint_zh = "请重新启动节点并查询事务结果；并报告该故障。"


class MajorityLost(Unavailable):
    """Not more than half of the homes that a group was opened with can go on."""

    code, number, clause = "engine.majority_lost", 1356, "S9.2"
    en = "At height {height} of chain {chain}, {left} of the group's {homes} homes can go on, too few ({stopped})."
    zh = "在链 {chain} 的高度 {height}，该组 {homes} 个节点中有 {left} 个可以继续，未过半数（{stopped}）。"
    hint_en = "Verify the ledgers of all homes, restore what is damaged, open them again; look up what was submitted."
    hint_zh = "请校验所有节点的账本，恢复受损的部分后重新打开，并查询已提交事务的结果。"


class StoredBlockUnusable(Integrity):
    """A home that is behind can't execute a block as another home of its group has stored it."""

    code, number, clause = "engine.stored_block", 1357, "S9.2"
    en = "Home {by} can't execute block {height} of chain {chain} from the store of home {home}: {reason}."
    zh = "节点 {by} 无法执行节点 {home} 所存的链 {chain} 的区块 {height}：{reason}。"
    hint_en = "Evidence is kept; verify the ledgers of both homes and restore the one that is damaged."
    hint_zh = "证据已保存；请校验两个节点的账本，并恢复受损的一方。"


class EngineProtocol(Integrity):
    """What an engine sent over its socket is not what the protocol allows."""

    code, number, clause = "engine.protocol", 1360, "S9.3"
    en = "The engine sent something that ABCI does not allow: {reason}."
    zh = "引擎发来的内容不符合 ABCI 协议：{reason}。"
    hint_en = "Check that the installed engine is the pinned version (xinglin engine status)."
    hint_zh = "请确认所装引擎为锁定的版本（xinglin engine status）。"


class EngineRequestRefused(Conflict):
    """The engine asked for something that this application does not do."""

    code, number, clause = "engine.request", 1361, "S9.3"
    en = "The engine asked for {request}, which this application does not do."
    zh = "引擎请求了本应用不支持的操作 {request}。"
    hint_en = "Check that the installed engine is the pinned version (xinglin engine status)."
    hint_zh = "请确认所装引擎为锁定的版本（xinglin engine status）。"


class AbciSocketUnsafe(Denied):
    """There is no place for the ABCI socket that only this user can reach."""

    code, number, clause = "engine.socket_unsafe", 1362, "W2"
    en = "The ABCI socket can't lie at {path}: {reason}."
    zh = "ABCI 套接字不能位于 {path}：{reason}。"
    hint_en = "Use a home with a shorter path, or set XDG_RUNTIME_DIR to a folder of this user's alone."
    hint_zh = "请使用路径较短的节点目录，或将 XDG_RUNTIME_DIR 设为仅本用户可访问的目录。"
