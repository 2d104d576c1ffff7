"""Refusals of the ledger (numbers 1200 to 1299). Those of stage (b) and (c) of checking stand in receipts' place."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, Unavailable


class GenesisInvalid(Invalid):
    """A genesis or an epoch breaks a rule beyond its form."""

    code, number, clause = "genesis.invalid", 1201, "S6.2c2"
    en = "The genesis or epoch breaks a rule: {rule}."
    zh = "创世块或成员纪元违反规则：{rule}。"
    hint_en = "See docs/spec/genesis.md for the rules."
    hint_zh = "规则见 docs/spec/genesis.md。"


class TransactionMalformed(Invalid):
    """Stage (a): the bytes of a transaction have no valid form; the block that holds them is refused."""

    code, number, clause = "transaction.malformed", 1202, "S9.1"
    en = "The transaction is malformed: {reason}."
    zh = "事务格式错误：{reason}。"
    hint_en = "Build it by docs/spec/transaction.md."
    hint_zh = "请按 docs/spec/transaction.md 构造。"


class TransactionTooLarge(Invalid):
    """Stage (a): a transaction, its items or its arguments exceed a limit of the chain's parameters."""

    code, number, clause = "transaction.too_large", 1203, "S9.1"
    en = "The transaction exceeds a limit of the chain: {limit} is {maximum}, found {found}."
    zh = "事务超过链的限制：{limit} 为 {maximum}，实际 {found}。"
    hint_en = "Split it into smaller transactions."
    hint_zh = "请拆分为较小的事务。"


class TransactionOtherChain(Invalid):
    """Stage (a): the transaction was made for another chain."""

    code, number, clause = "transaction.other_chain", 1204, "S9.1"
    en = "The transaction is for chain {found}, this chain is {chain}."
    zh = "该事务属于链 {found}，当前链为 {chain}。"
    hint_en = "Submit it to the chain that its header names."
    hint_zh = "请提交到其头部所指的链。"


class SignatureInvalid(Invalid):
    """Stage (a): a signature does not verify, or the signatures are not in signer order."""

    code, number, clause = "transaction.signature", 1205, "W2"
    en = "Signature {position} of the transaction does not verify."
    zh = "事务的第 {position} 个签名无效。"
    hint_en = "Sign the body id with the key at the same position in the header."
    hint_zh = "请用头部同一位置的密钥对主体标识签名。"


class TransactionExpired(Denied):
    """Stage (b): block time is past ``valid_until``."""

    code, number, clause = "transaction.expired", 1210, "S9.1"
    en = "The transaction was valid until {valid_until}; block time is {time}."
    zh = "事务有效期至 {valid_until}，区块时间为 {time}。"
    hint_en = "Sign it again with a later valid_until."
    hint_zh = "请以更晚的有效期重新签名。"


class TransactionTooFarAhead(Denied):
    """Stage (b): ``valid_until`` lies further ahead than the chain allows."""

    code, number, clause = "transaction.too_far_ahead", 1211, "S9.1"
    en = "valid_until {valid_until} is more than {maximum} ms after block time {time}."
    zh = "有效期 {valid_until} 超过区块时间 {time} 之后 {maximum} 毫秒。"
    hint_en = "Choose an earlier valid_until, and check this machine's clock."
    hint_zh = "请选择更早的有效期，并检查本机时钟。"


class TransactionReplayed(Conflict):
    """Stage (b): the body id has been logged before."""

    code, number, clause = "transaction.replayed", 1212, "S9.1"
    en = "A transaction with this body id has been logged already."
    zh = "相同主体标识的事务已入账。"
    hint_en = "It took effect once; make a new transaction with a new nonce for a new act."
    hint_zh = "该事务已生效一次；新的行为请使用新的随机数。"


class SignerUnknown(Denied):
    """Stage (b): a signer's key is not registered on this chain."""

    code, number, clause = "signer.unknown", 1213, "S6.3a"
    en = "The signing key {key} is not registered on this chain."
    zh = "签名密钥 {key} 未在本链登记。"
    hint_en = "An administrator of the member registers keys."
    hint_zh = "密钥由成员的管理员登记。"


class SignerEnded(Denied):
    """Stage (b): a signer's key, account or member has ended, is suspended, not yet valid, or compromised."""

    code, number, clause = "signer.ended", 1214, "S6.3a"
    en = "The signer may not sign now: {reason}."
    zh = "签名者当前无权签名：{reason}。"
    hint_en = "Sign with a key that is in force; see 'xinglin account show'."
    hint_zh = "请使用有效密钥签名，参见 xinglin account show。"


class OverQuota(Denied):
    """Stage (b): the account or member has used up its transactions of this window of block time."""

    code, number, clause = "signer.over_quota", 1215, "S9.1"
    en = "The quota of {quota} transactions in a window is used up."
    zh = "本时间窗内 {quota} 笔事务的配额已用完。"
    hint_en = "Wait for the next window, or put more into one transaction."
    hint_zh = "请等待下一时间窗，或合并事务。"


class BlockInvalid(Invalid):
    """A block breaks a rule: its height, its time, its size or a transaction of stage (a) in it."""

    code, number, clause = "block.invalid", 1220, "S9.1"
    en = "Block {height} is not valid: {reason}."
    zh = "区块 {height} 无效：{reason}。"
    hint_en = "Nothing of it was applied."
    hint_zh = "该区块未产生任何效果。"


class StoreDamaged(Integrity):
    """A store of the ledger contradicts itself, its head file or its app hash."""

    code, number, clause = "store.damaged", 1230, "S6.2c2"
    en = "The store of chain {chain} is damaged: {what}."
    zh = "链 {chain} 的存储已损坏：{what}。"
    hint_en = (
        "Don't use this home; run 'xinglin ledger verify'. Restore it from a backup, or the consortium chain from the "
        "other members by 'xinglin ledger rebuild'."
    )
    hint_zh = "请勿使用；请运行 xinglin ledger verify，并从备份恢复，或用 xinglin ledger rebuild 重建联盟链。"


class StoreBehindHead(Integrity):
    """A store is older than the head file says: it was put back, or its last block was lost."""

    code, number, clause = "store.behind_head", 1231, "S9.1"
    en = "The store of chain {chain} is at height {height}, but height {head} was committed."
    zh = "链 {chain} 的存储处于高度 {height}，但高度 {head} 曾已提交。"
    hint_en = (
        "The store was set back or damaged; restore it from a backup, or the consortium chain from other members by "
        "'xinglin ledger rebuild'."
    )
    hint_zh = "存储被回退或损坏；请从备份恢复，或用 xinglin ledger rebuild 从其他成员重建联盟链。"


class StoreFull(Unavailable):
    """The store has reached the share of its map at which it stops taking transactions."""

    code, number, clause = "storage.full", 1232, "S6.2c3"
    en = "The store of chain {chain} is {percent} % full and takes no more transactions."
    zh = "链 {chain} 的存储已用 {percent} %，停止接收事务。"
    hint_en = "Raise storage.map_gib in config.toml and start the node again."
    hint_zh = "请提高 config.toml 中的 storage.map_gib 后重新启动节点。"


class StoreLocked(Unavailable):
    """The chain is open already, in another process or elsewhere in this one."""

    code, number, clause = "store.locked", 1233, "S9.1"
    en = "Chain {chain} is open already."
    zh = "链 {chain} 已被打开。"
    hint_en = "Stop the process that has it open first."
    hint_zh = "请先停止打开它的进程。"


class ChainNotFound(NotFound):
    """There is no store of that chain in this home."""

    code, number, clause = "chain.not_found", 1234, "S9.1"
    en = "This home has no chain {chain}."
    zh = "本节点目录中没有链 {chain}。"
    hint_en = "See 'xinglin ledger show' for the chains of a home."
    hint_zh = "用 xinglin ledger show 查看本节点的链。"


class LogEntryNotFound(NotFound):
    """Nothing with that index or body id is in the log."""

    code, number, clause = "ledger.not_found", 1235, "S9.2"
    en = "The log of chain {chain} has no entry {entry}."
    zh = "链 {chain} 的账本日志没有条目 {entry}。"
    hint_en = "Check the id; an entry is there once its transaction has a receipt."
    hint_zh = "请核对标识；事务取得回执后才有条目。"


class ValueDamaged(Integrity):
    """A stored value does not hash to what the state tree holds."""

    code, number, clause = "state.value_damaged", 1236, "S9.1"
    en = "A value of the state of chain {chain} was altered in the store."
    zh = "链 {chain} 的一个状态值在存储中被改动。"
    hint_en = "It is not served; run 'xinglin ledger verify' and restore the home."
    hint_zh = "该值不会被提供；请运行 xinglin ledger verify 并恢复节点。"


class MapRefused(Unavailable):
    """The system gives no address space for a store's map."""

    code, number, clause = "storage.map_refused", 1237, "S6.2c3"
    en = "The system gives no room for the map of the store of chain {chain}."
    zh = "系统未能为链 {chain} 的存储提供映射空间。"
    hint_en = "Lower storage.map_gib in config.toml, or lift the limit on this process's address space."
    hint_zh = "请降低 config.toml 中的 storage.map_gib，或放宽本进程的地址空间限制。"


class CheckpointInvalid(Invalid):
    """A signed note is not a checkpoint in the one form, or a signature line is not right."""

    code, number, clause = "checkpoint.invalid", 1240, "S9.2"
    en = "The checkpoint is not valid: {reason}."
    zh = "检查点无效：{reason}。"
    hint_en = "See docs/spec/log-and-checkpoint.md for the form."
    hint_zh = "格式见 docs/spec/log-and-checkpoint.md。"


class CheckpointUnavailable(Unavailable):
    """The height asked for is no longer, or not yet, one that this node keeps."""

    code, number, clause = "checkpoint.unavailable", 1241, "S9.2"
    en = "This node can't sign or prove height {height} of chain {chain}."
    zh = "本节点无法对链 {chain} 的高度 {height} 签名或出具证明。"
    hint_en = "Ask for a recent height that is a multiple of the chain's interval."
    hint_zh = "请选择最近的、为间隔整数倍的高度。"


class CheckpointFork(Integrity):
    """Two checkpoints of one chain contradict each other; both are kept as evidence and cosigning stops."""

    code, number, clause = "checkpoint.fork", 1242, "S9.1"
    en = "A checkpoint of chain {chain} at height {height} contradicts what this node computed."
    zh = "链 {chain} 高度 {height} 的检查点与本节点计算结果矛盾。"
    hint_en = "Both notes are kept under evidence; tell the other members."
    hint_zh = "两份检查点均已作为证据保存；请通知其他成员。"


class ProofInvalid(Integrity):
    """A proof does not hold under the checkpoint it is for."""

    code, number, clause = "proof.invalid", 1250, "S9.2"
    en = "The proof does not hold at step {step}: {reason}."
    zh = "证明在步骤 {step} 不成立：{reason}。"
    hint_en = "Don't rely on it; ask the issuing node for a new one."
    hint_zh = "请勿采信；可向出具节点重新索取。"


class ProofUnknown(Unavailable):
    """A proof names a kind, version, suite or claim that this version of Xinglin does not know."""

    code, number, clause = "proof.unknown", 1252, "S9.2"
    en = "The proof can't be decided at step {step}: it has {what} {found}, which this version does not know."
    zh = "证明在步骤 {step} 无法判断：其中的 {what} {found} 不为本版本所知。"
    hint_en = "Use a newer version."
    hint_zh = "请使用较新的版本。"


class TrustInvalid(Invalid):
    """What pins the trust in a chain is not of its form."""

    code, number, clause = "trust.invalid", 1253, "S9.2"
    en = "The trust is not valid: {reason}."
    zh = "信任文件无效：{reason}。"
    hint_en = "See docs/spec/proof-bundle.md for the form."
    hint_zh = "格式见 docs/spec/proof-bundle.md。"


class SnapshotInvalid(Integrity):
    """A snapshot, or a chunk of it, does not hash to the app hash that is trusted."""

    code, number, clause = "snapshot.invalid", 1251, "S9.1"
    en = "The snapshot is not valid: {reason}."
    zh = "快照无效：{reason}。"
    hint_en = "Take another snapshot, from another node."
    hint_zh = "请从其他节点获取另一份快照。"


class ChainBegunLate(NotFound):
    """A chain that is to be executed again from genesis began from a snapshot here."""

    code, number, clause = "recheck.begun_late", 6275, "S6.2c2"
    en = "Chain {chain} begins at height {height} here: what was before can't be executed again."
    zh = "链 {chain} 在此处始于高度 {height}：此前的内容无法重新执行。"
    hint_en = (
        "Its state was proven then. A served node fetches the log before: 'xinglin ledger show' tells how far it is."
    )
    hint_zh = "其状态在开始时已得到证明。运行中的节点会补取此前的日志：进度见 xinglin ledger show。"


class LogBegunLate(Unavailable):
    """What is asked lies in the part of the log that a home which began late has not fetched yet."""

    code, number, clause = "log.begun_late", 6341, "S9.1"
    en = "The log of chain {chain} before entry {entry} is not here yet."
    zh = "链 {chain} 第 {entry} 条之前的日志尚不在此处。"
    hint_en = "Ask another member's node; this one is fetching it: 'xinglin ledger show' tells how far it is."
    hint_zh = "请询问其他成员的节点；本节点正在补取，进度见 xinglin ledger show。"


class HistoryInvalid(Integrity):
    """A part of the log that another node gave is not what was logged."""

    code, number, clause = "backfill.invalid", 6342, "S9.1"
    en = "What was given as the log of chain {chain} from entry {entry} on is not what was logged: {reason}."
    zh = "作为链 {chain} 自第 {entry} 条起的日志所给出的内容并非入账内容：{reason}。"
    hint_en = "It was thrown away and is asked of another node. Ask the member whose node it is what it does."
    hint_zh = "该内容已丢弃，并改向其他节点索取。请向该节点所属成员核实。"
