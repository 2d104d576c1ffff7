"""Refusals of the contract ``access``, of requests and receipts, and an auditor's findings (numbers 5700 to 5749)."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, Unavailable


class EntryFormInvalid(Invalid):
    """An item is not the canonical encoding of an access entry."""

    code, number, clause = "access.entry_form", 5700, "H4"
    en = "Item {item} of the batch is not the canonical encoding of an access entry."
    zh = "批次第 {item} 项不是访问记录的规范编码。"
    hint_en = "See docs/spec/access.md for the form of an entry."
    hint_zh = "格式见 docs/spec/access.md。"


class EntryTimeInvalid(Invalid):
    """An access entry was made too long before the block that would log it, or after it."""

    code, number, clause = "access.entry_time", 5701, "H11"
    en = "Access entry {item} is of {time}, which does not fit the block of {block}."
    zh = "访问记录第 {item} 项的时间 {time} 与区块时间 {block} 不符。"
    hint_en = "An entry is logged within a minute; check this machine's clock and disk."
    hint_zh = "访问记录须在一分钟内入链；请检查本机时钟与磁盘。"


class EntryProofInvalid(Invalid):
    """An access entry lacks the proof that it names, or names a reader of another member without a signature."""

    code, number, clause = "access.entry_proof", 5702, "H11"
    en = "Access entry {item} does not hold the proof of its reader: only own accounts may do without a signature."
    zh = "访问记录第 {item} 项缺少读取人证明：仅本机构账户可不附签名。"
    hint_en = "Log the reader's signature over the request with the entry."
    hint_zh = "请将读取人对请求的签名一并记入。"


class EntryCopyInvalid(Invalid):
    """An access entry opens a copy of no record, or of one that was refused."""

    code, number, clause = "access.entry_copy", 5703, "H4"
    en = "Access entry {item} opens a copy although it was refused or names no record."
    zh = "访问记录第 {item} 项在拒绝或未指明记录时仍开放副本。"
    hint_en = "What is served is logged under the record's commitment, with outcome 0."
    hint_zh = "所提供的内容须以存证哈希记入，结果为 0。"


class EntryUnsettled(Unavailable):
    """An access entry was handed in and is not durable after a minute; it may still become so."""

    code, number, clause = "access.unsettled", 5920, "H4"
    en = "The access entry is not durable yet; nothing was handed back."
    zh = "访问记录尚未持久化；未返回任何内容。"
    hint_en = "Ask again with a new request; check the disk and the load of the node."
    hint_zh = "请以新的请求重试；并检查节点的磁盘与负载。"


class TwinExists(Conflict):
    """A request was noted before; each request is made anew."""

    code, number, clause = "access.twin_exists", 5710, "H11"
    en = "The request {request} was sent before."
    zh = "请求 {request} 此前已发出。"
    hint_en = "Sign a new request with a new id."
    hint_zh = "请用新的编号签署新请求。"


class TwinUnknown(NotFound):
    """A receipt came for a request that was never noted."""

    code, number, clause = "access.twin_unknown", 5711, "H11"
    en = "No request {request} was noted before it was sent."
    zh = "请求 {request} 发出前未登记。"
    hint_en = "A request is noted on this institution's private chain before it leaves."
    hint_zh = "请求在发出前须先登记于本机构私有链。"


class TwinClosed(Conflict):
    """A request has its receipt already."""

    code, number, clause = "access.twin_closed", 5712, "H11"
    en = "The request {request} has its receipt already."
    zh = "请求 {request} 已有回执。"
    hint_en = "A second receipt for one request is a finding: keep both and ask the custodian."
    hint_zh = "同一请求出现第二份回执属异常：请保留两份并询问保管方。"


class AggregateFormInvalid(Invalid):
    """An item of an aggregate is not the canonical encoding of a source and a count."""

    code, number, clause = "access.aggregate_form", 5720, "H4"
    en = "Item {item} of the aggregate is not the canonical encoding of a source and a count."
    zh = "汇总第 {item} 项不是来源与次数的规范编码。"
    hint_en = "See docs/spec/access.md for the form of an item."
    hint_zh = "格式见 docs/spec/access.md。"


class AggregateOrderInvalid(Invalid):
    """The sources of an aggregate do not ascend, or one is there twice."""

    code, number, clause = "access.aggregate_order", 5721, "H4"
    en = "The sources of the aggregate are not in strictly ascending order."
    zh = "汇总的来源未按严格升序排列。"
    hint_en = "There is one entry for each source and minute."
    hint_zh = "每个来源每分钟一项。"


class AggregateMinuteInvalid(Conflict):
    """A minute that is not over, is none, or was aggregated."""

    code, number, clause = "access.aggregate_minute", 5722, "H4"
    en = "{minute} is not a whole minute that is over and later than the one aggregated last."
    zh = "{minute} 不是已结束且晚于上次汇总的整分钟。"
    hint_en = "Aggregate each minute once, after it is over."
    hint_zh = "每分钟结束后汇总一次。"


class RequestMalformed(Invalid):
    """An access request is not in form."""

    code, number, clause = "access.request_malformed", 5730, "H4"
    en = "The access request is not valid: {reason}."
    zh = "访问请求无效：{reason}。"
    hint_en = "See docs/spec/access.md for the form of a request."
    hint_zh = "格式见 docs/spec/access.md。"


class RequestElsewhere(Invalid):
    """An access request is for another chain or another node."""

    code, number, clause = "access.request_elsewhere", 5731, "H4"
    en = "The access request is for {what} {found}, not for this one."
    zh = "访问请求面向{what} {found}，而非本方。"
    hint_en = "Sign a request for the node that it is sent to."
    hint_zh = "请针对接收节点签署请求。"


class RequestExpired(Denied):
    """An access request is past its end, or runs for too long."""

    code, number, clause = "access.request_expired", 5732, "H4"
    en = "The access request ends at {valid_until}; now is {now}, and it may run for {maximum} ms."
    zh = "访问请求有效至 {valid_until}，当前为 {now}，最长有效期 {maximum} 毫秒。"
    hint_en = "Sign a new request; check both clocks."
    hint_zh = "请签署新请求并核对双方时钟。"


class RequestSignatureInvalid(Denied):
    """The signature of an access request does not verify, or its key is not that of the account that it names."""

    code, number, clause = "access.request_signature", 5733, "H11"
    en = "The access request is not signed by account {account}."
    zh = "访问请求未由账户 {account} 签署。"
    hint_en = "Sign with a key of the account that reads."
    hint_zh = "请用读取账户的密钥签署。"


class ReceiptInvalid(Integrity):
    """An access receipt is not in form, not signed by the custodian, or not for this request."""

    code, number, clause = "access.receipt", 5734, "H11"
    en = "The access receipt does not hold: {reason}."
    zh = "访问回执不成立：{reason}。"
    hint_en = "Keep it as evidence; the twin of the request stays open."
    hint_zh = "请保留作为证据；该请求的对应登记保持未关闭。"


class LogClosed(Unavailable):
    """Access entries can't be logged any more: the node is closing."""

    code, number, clause = "access.log_closed", 5740, "H4"
    en = "Access entries are not taken any more: the node is closing."
    zh = "节点正在关闭，不再接收访问记录。"
    hint_en = "Nothing is served without an entry; ask again when the node runs."
    hint_zh = "无访问记录则不提供数据；请待节点运行后重试。"


class TraceDiffers(Integrity):
    """The projection of the access chain is not what the chain makes it."""

    code, number, clause = "access.trace_differs", 5741, "S8.6b"
    en = "The access projection differs from the private chain in {table}: {rows} rows."
    zh = "访问投影与私有链在 {table} 中不一致：{rows} 行。"
    hint_en = "Make it again with 'xinglin access rebuild'; the chain is what counts."
    hint_zh = "用 xinglin access rebuild 重建；以链为准。"
