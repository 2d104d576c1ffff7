"""Refusals between a client and a running node, and what a client meets (6200 to 6219, 6350 to 6359, 6384, 6385)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from xinglin.kernel.errors import Conflict, Denied, Integrity, Invalid, NotFound, Unavailable


class NodeServed(Unavailable):
    """A command can't open a home, because a running node has it open."""

    code, number, clause = "node.served", 6200, "S6.3b"
    en = "{home} is served by a running node, process {process}."
    zh = "{home} 正由运行中的节点（进程 {process}）提供服务。"
    hint_en = "What only shows the registry and the chains goes through that node; for anything else stop it first."
    hint_zh = "仅查看登记与链的命令经由该节点执行；其他命令请先停止该节点。"


class NodeAddressInvalid(Invalid):
    """An address of a node is not http://HOST:PORT, https://HOST:PORT or unix:/PATH."""

    code, number, clause = "node.address", 6201, "S6.2f"
    en = "'{address}' is no address of a node."
    zh = "“{address}”不是节点地址。"
    hint_en = "Addresses are http://HOST:PORT, https://HOST:PORT or unix:/PATH."
    hint_zh = "地址形如 http://主机:端口、https://主机:端口 或 unix:/路径。"


class NodeAway(Unavailable):
    """A node gives no answer, or none that can be understood."""

    code, number, clause = "node.away", 6202, "S6.2f"
    en = "The node {address} gives no answer: {reason}."
    zh = "节点 {address} 没有应答：{reason}。"
    hint_en = "Ask another node; check that this one runs and can be reached."
    hint_zh = "请询问其他节点，并检查该节点是否运行、可否连通。"


class SubmissionUnknown(Unavailable):
    """What became of a submitted transaction could not be found out in time; it may still be committed."""

    code, number, clause = "submission.unknown", 6203, "S6.2f"
    en = "What became of transaction {body} is not known yet; it may be committed until block time {valid_until}."
    zh = "事务 {body} 的结果尚不明确；在区块时间 {valid_until} 之前仍可能入账。"
    hint_en = "Look it up again or hand in the very same bytes again; never sign it anew before that time has passed."
    hint_zh = "请再次查询或重新提交完全相同的字节；在该时间之前切勿重新签名。"


class NodesAway(Unavailable):
    """None of the nodes that a client was given answers."""

    code, number, clause = "node.all_away", 6204, "S6.2f"
    en = "None of {nodes} nodes answers; the last: {reason}."
    zh = "{nodes} 个节点均无应答；最后一次：{reason}。"
    hint_en = "Check the network and that the nodes run; nothing was changed."
    hint_zh = "请检查网络与节点是否运行；未作任何更改。"


class NodeElsewhere(Invalid):
    """A node is of another chain than the client's."""

    code, number, clause = "node.other_chain", 6205, "S6.2f"
    en = "The node {address} keeps chain {found}, not {chain}."
    zh = "节点 {address} 维护的是链 {found}，而非 {chain}。"
    hint_en = "Name nodes of the same consortium."
    hint_zh = "请指定同一联盟链的节点。"


class CommitmentUnproven(Integrity):
    """A node says that a transaction is committed, and does not prove it."""

    code, number, clause = "submission.unproven", 6206, "S6.2f"
    en = "The node {address} does not prove that transaction {body} is committed: {reason}."
    zh = "节点 {address} 未能证明事务 {body} 已入账：{reason}。"
    hint_en = "Ask another node; keep this answer, it may be a lie."
    hint_zh = "请询问其他节点，并保留该应答，其可能不实。"


class NodeUnreached(Unavailable):
    """No connection to a node: it was told nothing."""

    code, number, clause = "node.unreached", 6207, "S6.2f"
    en = "The node {address} can't be reached: {reason}."
    zh = "无法连接节点 {address}：{reason}。"
    hint_en = "Ask another node; check that this one runs and can be reached."
    hint_zh = "请询问其他节点，并检查该节点是否运行、可否连通。"


class SubmissionMalformed(Invalid):
    """The body of a submission is not a sequence of transactions, each after its length."""

    code, number, clause = "submission.malformed", 6210, "S9.1"
    en = "The submission is malformed: {reason}."
    zh = "提交内容格式错误：{reason}。"
    hint_en = "Each transaction comes after its length in 4 bytes; see docs/spec/node-http.md for the bounds."
    hint_zh = "每笔事务前有 4 字节长度；上限见 docs/spec/node-http.md。"


class RequestUnsigned(Denied):
    """A request that only members may make is not signed, or its signature has no valid form."""

    code, number, clause = "request.unsigned", 6211, "S6.3a"
    en = "The request is not signed by an account of a member: {reason}."
    zh = "请求未由成员账户签署：{reason}。"
    hint_en = "Sign it as docs/spec/node-http.md says, with a key of an account of an active member."
    hint_zh = "请按 docs/spec/node-http.md 用有效成员账户的密钥签署。"


class RequestStale(Denied):
    """A signed request was made too long ago, too far ahead, or before this node was started."""

    code, number, clause = "request.stale", 6212, "S6.3a"
    en = "The request was signed at {time}; now is {now}, and it may be {maximum} ms old."
    zh = "请求签署于 {time}，当前为 {now}，最长有效 {maximum} 毫秒。"
    hint_en = "Sign it again; check both clocks."
    hint_zh = "请重新签署并核对双方时钟。"


class RequestForged(Denied):
    """The signature of a request does not verify for this node, method, path and body."""

    code, number, clause = "request.signature", 6213, "S6.3a"
    en = "The signature of the request does not verify."
    zh = "请求的签名无效。"
    hint_en = "Sign chain, node, method, path with query, body hash, key, time and nonce of just this request."
    hint_zh = "请对本次请求的链、节点、方法、含查询的路径、正文哈希、密钥、时间与随机数签名。"


class RequestSeen(Conflict):
    """A signed request came before."""

    code, number, clause = "request.replayed", 6214, "S6.3a"
    en = "This signed request was answered before."
    zh = "该签名请求此前已处理。"
    hint_en = "Sign each request anew, with a nonce of its own."
    hint_zh = "每次请求都应使用新的随机数重新签署。"


class TransactionNotLogged(NotFound):
    """A log entry of a transaction is not kept by this node."""

    code, number, clause = "submission.not_kept", 6215, "S9.1"
    en = "Transaction {body} is logged, and this node does not keep its entry."
    zh = "事务 {body} 已入账，但本节点未保存其条目。"
    hint_en = "Ask a node that has kept the chain from its beginning."
    hint_zh = "请询问自始保存该链的节点。"


class RefusalUnproven(SubmissionUnknown):
    """Nodes refuse a transaction without a receipt, which none of them can prove; nobody is known to have taken it."""

    code, number, clause = "submission.refusal_unproven", 6350, "S6.2f"
    en = "{nodes} nodes refuse transaction {body} ({reason}); it may be committed until block time {valid_until}."
    zh = "{nodes} 个节点拒绝事务 {body}（{reason}）；在区块时间 {valid_until} 之前仍可能入账。"
    hint_en = "Remove the reason and hand in the very same bytes again; sign anew only after that time."
    hint_zh = "请消除原因后重新提交完全相同的字节；该时间之后方可重新签名。"


class HeadContradicted(Integrity):
    """A node shows a head that can't go together with one that a quorum has signed."""

    code, number, clause = "node.head_contradicted", 6352, "S6.2f"
    en = "The head of height {height} contradicts the one that a quorum signed at height {known}."
    zh = "高度 {height} 的链头与法定数量成员在高度 {known} 所签链头相矛盾。"
    hint_en = "Ask another node; keep this answer: where it is signed, it is evidence."
    hint_zh = "请询问其他节点，并保留该应答：若有签名，即为证据。"


class HeadNotContinued(Integrity):
    """No node shows that a head that a quorum signed goes on from the one that a client accepted before.

    ``proofs``: by address, the hashes of proofs that do not hold, in hexadecimal.
    """

    proofs: Mapping[str, Sequence[str]] = MappingProxyType({})
    code, number, clause = "node.head_not_continued", 6384, "S6.2f"
    en = (
        "Nothing shows that the head of height {height} and the one that was accepted at height {known} are of one log."
    )
    zh = "无从证明高度 {height} 的链头与此前采信的高度 {known} 的链头属于同一日志。"
    hint_en = "Ask other members' nodes; a quorum may have signed two logs. What was kept as evidence is for people."
    hint_zh = "请询问其他成员的节点：可能有法定数量的成员签署了两份日志。所留证据由人员判断。"


class HeadOld(Integrity):
    """A node shows a head much older than one that a client accepted before."""

    code, number, clause = "node.head_old", 6385, "S6.2f"
    en = "The head of height {height} is older than the one that was accepted at height {known}, by {seconds} s."
    zh = "高度 {height} 的链头比此前采信的高度 {known} 的链头早 {seconds} 秒。"
    hint_en = "The node is far behind, or hides what came since: ask another member's node."
    hint_zh = "该节点严重落后，或隐瞒其后内容：请询问其他成员的节点。"
