"""Refusals of the contracts ``records``, ``audience``, ``anchor`` and ``journal`` (numbers 5300 to 5399)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound


class BatchSizeInvalid(Invalid):
    """A record batch has a number of items that is not a power of two up to 256."""

    code, number, clause = "records.batch_size", 5300, "W1"
    en = "A record batch has 1, 2, 4 and so on up to 256 items, not {count}."
    zh = "存证批次应有 1、2、4……至 256 项，而非 {count} 项。"
    hint_en = "Pad the batch with dummies."
    hint_zh = "请用填充项补足。"


class ItemFormInvalid(Invalid):
    """An item of a record batch is not the canonical encoding of commitment and locator."""

    code, number, clause = "records.item_form", 5301, "S9.1"
    en = "An item of the batch is not the canonical encoding of a commitment and a locator."
    zh = "批次中有一项不是承诺值与加密定位信息的规范编码。"
    hint_en = "See docs/spec/locator.md for the form of an item."
    hint_zh = "格式见 docs/spec/locator.md。"


class ItemOrderInvalid(Invalid):
    """The items of a record batch are not in strictly ascending order of their commitments."""

    code, number, clause = "records.item_order", 5302, "W1"
    en = "The items of the batch are not in strictly ascending order of their commitments."
    zh = "批次各项未按承诺值严格升序排列。"
    hint_en = "Sort the items; a commitment is registered once."
    hint_zh = "请排序；同一承诺值只登记一次。"


class BatchExists(Conflict):
    """The member has registered a batch with this id."""

    code, number, clause = "records.batch_exists", 5303, "S9.1"
    en = "Batch {batch} has been registered already."
    zh = "批次 {batch} 已登记。"
    hint_en = "It took effect once; compare its root before taking it for yours."
    hint_zh = "该批次已生效一次；请核对其根哈希。"


class AudienceEpochUnknown(NotFound):
    """The audience does not exist, or the number of its epoch has not been issued."""

    code, number, clause = "records.audience", 5304, "H5"
    en = "Audience {audience} has no epoch {number}."
    zh = "受众 {audience} 没有第 {number} 期传输密钥。"
    hint_en = "The steward of the audience issues epochs."
    hint_zh = "传输密钥由受众的管理方签发。"


class BatchUnknown(NotFound):
    """The caller's member has registered no batch with this id."""

    code, number, clause = "records.batch_unknown", 5305, "S8.6a"
    en = "The caller's member has no batch {batch}."
    zh = "调用者所属成员没有批次 {batch}。"
    hint_en = "Only the member that registered a record can order its destruction."
    hint_zh = "只有登记该记录的成员可以下达销毁指令。"


class NotInBatch(Integrity):
    """The path does not lead from the record's item to the batch's root."""

    code, number, clause = "records.not_in_batch", 5306, "S9.1"
    en = "The record is not at index {index} of batch {batch}."
    zh = "该记录不在批次 {batch} 的第 {index} 项。"
    hint_en = "Make the reference again from the registered batch."
    hint_zh = "请根据已登记的批次重新生成引用。"


class OrderExists(Conflict):
    """The destruction of this record was ordered before."""

    code, number, clause = "records.order_exists", 5307, "S7.1f"
    en = "The destruction of record {commitment} has been ordered already."
    zh = "记录 {commitment} 的销毁指令已下达。"
    hint_en = "A second account confirms it."
    hint_zh = "请由另一账户确认。"


class OrderUnknown(NotFound):
    """No destruction of this record was ordered."""

    code, number, clause = "records.order_unknown", 5308, "S7.1f"
    en = "The caller's member has ordered no destruction of record {commitment}."
    zh = "调用者所属成员未下达记录 {commitment} 的销毁指令。"
    hint_en = "One account orders it first."
    hint_zh = "须先由一个账户下达指令。"


class SameAccount(Denied):
    """The account that ordered a destruction can't confirm it."""

    code, number, clause = "records.same_account", 5309, "S7.1f"
    en = "Account {account} ordered the destruction; another account has to confirm it."
    zh = "账户 {account} 已下达销毁指令，须由另一账户确认。"
    hint_en = "Let a second person confirm."
    hint_zh = "请由第二人确认。"


class OrderConfirmed(Conflict):
    """The destruction was confirmed before."""

    code, number, clause = "records.confirmed", 5310, "S7.1f"
    en = "The destruction of record {commitment} has been confirmed already."
    zh = "记录 {commitment} 的销毁已确认。"
    hint_en = "The node certifies it when it is done."
    hint_zh = "销毁完成后由节点出具凭证。"


class OrderNotConfirmed(Conflict):
    """A destruction is certified only after a second account confirmed the order."""

    code, number, clause = "records.not_confirmed", 5311, "S7.1f"
    en = "The destruction of record {commitment} has not been confirmed."
    zh = "记录 {commitment} 的销毁尚未确认。"
    hint_en = "A second account confirms it first."
    hint_zh = "须先由另一账户确认。"


class RecordDestroyed(Conflict):
    """The destruction of this record was certified before."""

    code, number, clause = "records.destroyed", 5312, "S7.1f"
    en = "The destruction of record {commitment} has been certified already."
    zh = "记录 {commitment} 的销毁凭证已登记。"
    hint_en = "A record is destroyed once."
    hint_zh = "一条记录只销毁一次。"


class NotSteward(Denied):
    """Only the steward of an audience issues its epoch keys; while it is suspended, who has the newest."""

    code, number, clause = "audience.not_steward", 5320, "H5"
    en = "Member {member} is not the steward of audience {audience}."
    zh = "成员 {member} 不是受众 {audience} 的管理方。"
    hint_en = "Ask the steward, or found another audience."
    hint_zh = "请联系其管理方，或另建受众。"


class EpochNumberInvalid(Conflict):
    """The epoch number is not one higher than the newest of the audience."""

    code, number, clause = "audience.number", 5321, "H5"
    en = "The next epoch of audience {audience} is {needed}, not {number}."
    zh = "受众 {audience} 的下一期为 {needed}，而非 {number}。"
    hint_en = "Issue the next number."
    hint_zh = "请签发下一期。"


class KeysOutOfForm(Invalid):
    """The sealed keys are none, or not in strictly ascending order of node ids."""

    code, number, clause = "audience.keys", 5322, "H5"
    en = "The sealed keys of the epoch are none, or not in strictly ascending order of nodes."
    zh = "该期没有密文密钥，或未按节点标识严格升序排列。"
    hint_en = "Give one sealed key for each node, sorted by node id."
    hint_zh = "每个节点一份，按节点标识排序。"


class AudienceNodeUnknown(NotFound):
    """A key is sealed to a node that is not registered or has ended, or whose member is not active."""

    code, number, clause = "audience.node", 5323, "H5"
    en = "Node {node} is not an active node of an active member."
    zh = "节点 {node} 不是有效成员的有效节点。"
    hint_en = "Leave it out; a node that left gets no further keys."
    hint_zh = "请将其移除；已离开的节点不再获得密钥。"


class AnchorExists(Conflict):
    """The chain is anchored already, or the member has a private chain that is."""

    code, number, clause = "anchor.exists", 5340, "H2"
    en = "Chain {chain} can't be opened: it or another chain of member {member} is open."
    zh = "无法开启链 {chain}：该链或成员 {member} 的另一条链已开启。"
    hint_en = "A member has one private chain; after a loss it names a successor."
    hint_zh = "每个成员只有一条私有链；丢失后应指定继任链。"


class AnchorGenesisInvalid(Invalid):
    """The genesis is not that of a private chain of the caller's member under its cosigning key in force."""

    code, number, clause = "anchor.genesis", 5341, "H2"
    en = "The genesis is not that of a private chain of member {member} with its cosigning key in force."
    zh = "该创世块不是成员 {member} 以其现行共签密钥建立的私有链。"
    hint_en = "Found the private chain with the member's id and its present cosigning key."
    hint_zh = "请以成员标识及其现行共签密钥建立私有链。"


class AnchorUnknown(NotFound):
    """No private chain with that id has been opened."""

    code, number, clause = "anchor.unknown", 5342, "H2"
    en = "Chain {chain} is not anchored here."
    zh = "链 {chain} 未在此锚定。"
    hint_en = "The member opens it first."
    hint_zh = "须先由成员开启。"


class AnchorOtherMember(Denied):
    """Only the member whose private chain it is may do this."""

    code, number, clause = "anchor.other_member", 5343, "H2"
    en = "Chain {chain} is not the private chain of member {member}."
    zh = "链 {chain} 不是成员 {member} 的私有链。"
    hint_en = "Sign with an account of the member that opened it."
    hint_zh = "请使用开启该链的成员的账户签名。"


class AnchorFrozen(Conflict):
    """The chain takes no further anchors: it has forked, or a successor was named."""

    code, number, clause = "anchor.frozen", 5344, "S9.1"
    en = "Chain {chain} is frozen and takes no further anchors."
    zh = "链 {chain} 已冻结，不再接受锚定。"
    hint_en = "The member names a successor, and a regulator acknowledges it."
    hint_zh = "由成员指定继任链，并经监管方确认。"


class AnchorNotLast(Conflict):
    """The size or head named as the last anchored one is not that."""

    code, number, clause = "anchor.not_last", 5345, "H2"
    en = "The last anchored size of chain {chain} is {anchored}, not {named}."
    zh = "链 {chain} 最近锚定的大小为 {anchored}，而非 {named}。"
    hint_en = "Read the last anchor and prove consistency from there."
    hint_zh = "请读取最近锚点并由此证明一致性。"


class AnchorSmaller(Integrity):
    """The head is smaller than the last anchored one: the private chain was rewound."""

    code, number, clause = "anchor.smaller", 5346, "S9.1"
    en = "Chain {chain} was anchored with {anchored} entries; a head of {size} is behind it."
    zh = "链 {chain} 已锚定 {anchored} 条，大小为 {size} 的链头落后于它。"
    hint_en = "A private chain that lost entries is closed; name a successor."
    hint_zh = "丢失条目的私有链须关闭，并指定继任链。"


class AnchorContradicts(Integrity):
    """The head contradicts the last anchored one (K1 to K3)."""

    code, number, clause = "anchor.contradicts", 5347, "S9.1"
    en = "The head of chain {chain} at height {height} contradicts its last anchor."
    zh = "链 {chain} 高度 {height} 的链头与其最近锚点矛盾。"
    hint_en = "Two signed heads that contradict each other can be reported as a fork."
    hint_zh = "两个互相矛盾的签名链头可作为分叉上报。"


class AnchorInconsistent(Integrity):
    """The consistency proof does not hold: the head does not continue the last anchored one (K4)."""

    code, number, clause = "anchor.inconsistent", 5348, "S9.1"
    en = "The proof does not show that chain {chain} continues its last anchor."
    zh = "该证明未能表明链 {chain} 延续其最近锚点。"
    hint_en = "Make the RFC 6962 consistency proof between the two sizes again."
    hint_zh = "请重新生成两个大小之间的 RFC 6962 一致性证明。"


class AnchorSignatureInvalid(Denied):
    """A head is not signed with the member's cosigning key."""

    code, number, clause = "anchor.signature", 5349, "S9.1"
    en = "The head of chain {chain} is not signed with the cosigning key of member {member}."
    zh = "链 {chain} 的链头未由成员 {member} 的共签密钥签名。"
    hint_en = "Sign the checkpoint text of the head with the key that the member epoch names."
    hint_zh = "请用成员纪元中的密钥对链头的检查点文本签名。"


class NoFork(Invalid):
    """The two heads can both be true."""

    code, number, clause = "anchor.no_fork", 5350, "S9.1"
    en = "The two heads of chain {chain} do not contradict each other."
    zh = "链 {chain} 的两个链头并不矛盾。"
    hint_en = "A fork is two signed heads of which K1, K2 or K3 holds."
    hint_zh = "分叉指两个签名链头满足 K1、K2 或 K3。"


class ForkKnown(Conflict):
    """A fork of this chain was reported before."""

    code, number, clause = "anchor.fork_known", 5351, "S9.1"
    en = "A fork of chain {chain} has been reported already."
    zh = "链 {chain} 的分叉已上报。"
    hint_en = "The evidence is kept; nothing is left to do."
    hint_zh = "证据已保存，无需再次上报。"


class NotBehind(Conflict):
    """A successor is named only for a chain that has forked or lost entries."""

    code, number, clause = "anchor.not_behind", 5352, "S9.1"
    en = "Chain {chain} needs no successor: it has not forked, and the restored head is not behind its anchor."
    zh = "链 {chain} 无需继任：未分叉，且恢复后的链头不落后于锚点。"
    hint_en = "Continue the chain."
    hint_zh = "请继续使用该链。"


class SuccessorUnknown(NotFound):
    """The member has not named this successor, or has named another since."""

    code, number, clause = "anchor.successor_unknown", 5353, "S9.1"
    en = "Chain {successor} is not the named successor of chain {chain}."
    zh = "链 {successor} 不是链 {chain} 指定的继任链。"
    hint_en = "Read the chain's state; acknowledge the successor that it names."
    hint_zh = "请读取该链状态，确认其所指定的继任链。"


class SuccessorAcknowledged(Conflict):
    """The chain has a successor that a regulator has acknowledged."""

    code, number, clause = "anchor.acknowledged", 5354, "S9.1"
    en = "Chain {chain} has a successor that is acknowledged."
    zh = "链 {chain} 的继任链已获确认。"
    hint_en = "Work with the successor."
    hint_zh = "请使用继任链。"


class OwnSuccessor(Denied):
    """A regulator does not acknowledge the successor of its own chain."""

    code, number, clause = "anchor.own_successor", 5355, "S9.1"
    en = "Member {member} can't acknowledge the successor of its own chain."
    zh = "成员 {member} 不能确认自己链的继任链。"
    hint_en = "Ask another regulator."
    hint_zh = "请由另一监管方确认。"


class HeadWentBack(Integrity):
    """The head of the other chain is behind, or contradicts, the one that this chain has logged."""

    code, number, clause = "journal.went_back", 5370, "H2"
    en = "The head of chain {chain} at height {height} is behind or contradicts height {seen}, seen before."
    zh = "链 {chain} 高度 {height} 的链头落后于或矛盾于已见的高度 {seen}。"
    hint_en = "Keep both heads as evidence; the other chain was rewound or has forked."
    hint_zh = "请保存两者作为证据；该链被回退或已分叉。"


class BatchNoted(Conflict):
    """The registration of a batch is noted already."""

    code, number, clause = "journal.noted", 5371, "S9.2"
    en = "The registration of batch {batch} has been noted before."
    zh = "批次 {batch} 的登记此前已记录。"
    hint_en = "Nothing is to be done: what was noted stands."
    hint_zh = "无需处理：已有记录有效。"
