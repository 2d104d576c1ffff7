"""All words that people read, in English and Chinese: titles of steps, sentences for facts and refusals, terms.

The titles are those of docs/spec/proof-bundle.md; a test compares them. Nothing is decided here.
"""

from __future__ import annotations

LANGUAGES = ("en", "zh")

TITLES = {
    1: ("Read", "读取"),
    2: ("Genesis", "创世"),
    3: ("Trust", "信任"),
    4: ("Epochs", "成员纪元"),
    5: ("Checkpoint", "检查点"),
    6: ("Cosignatures", "联署"),
    7: ("Leaf", "日志叶"),
    8: ("Signatures", "签名"),
    9: ("Operation", "操作"),
    10: ("Item", "批次条目"),
    11: ("State", "状态"),
    12: ("Signers", "签名者"),
    13: ("Members", "成员"),
    14: ("Claim", "声明"),
    15: ("Opening", "开示"),
    16: ("Nothing else", "别无他物"),
    17: ("Access log", "访问日志"),
    18: ("Access entries", "访问记录"),
    19: ("Access head", "访问链头"),
    20: ("Readers", "读取人"),
    21: ("Sealing", "封存"),
    22: ("Sealed set", "封存清单"),
    23: ("Sealed state", "封存状态"),
    24: ("Both sides", "双方"),
    25: ("Late additions", "封存后新增"),
    26: ("Registrations", "存证登记"),
    27: ("Reads", "查阅"),
}

VERDICTS = {
    "holds": ("holds", "成立"),
    "does_not_hold": ("does not hold", "不成立"),
    "not_trusted": ("consistent, not trusted", "前后一致，但不可信赖"),
    "undecided": ("can't be decided", "无法判断"),
}

STEP_VERDICTS = {
    "holds": ("holds", "通过"),
    "open": ("open", "未定"),
    "fails": ("FAILS", "不通过"),
    "undecided": ("can't say", "无法判断"),
}

LAST_LINE = ("verdict: {verdict} (exit status {status})", "结论：{verdict}（退出状态 {status}）")

TERMS = {
    "record": ("record", "医疗数据记录"),
    "anchor": ("anchor", "锚定"),
    "access": ("access entry", "访问记录"),
    "access-list": ("all access entries of a record", "记录的全部访问记录"),
    "episode": ("sealed episode", "封存病历"),
    "dispute": ("a dispute about the treatment", "医疗纠纷"),
    "complaint": ("a complaint", "投诉"),
    "litigation": ("proceedings before a court or an arbitrator", "诉讼或仲裁"),
    "death": ("the patient's death", "患者死亡"),
    "other": ("another reason", "其他原因"),
    "consortium": ("consortium", "联盟链"),
    "private": ("private", "私有链"),
    "supervision": ("supervision", "监管链"),
    "data_user": ("data user", "数据使用方"),
    "medical_institution": ("medical institution", "医疗机构"),
    "supplier": ("supplier", "供应商"),
    "technology_provider": ("technology provider", "区块链技术提供方"),
    "regulator": ("regulator", "监管方"),
    "active": ("active", "有效"),
    "suspended": ("suspended", "暂停"),
    "ended": ("ended", "终止"),
    "behaviour": ("behaviour data", "行为数据"),
    "original": ("original", "原件"),
    "copy": ("de-identified copy", "去标识化副本"),
}

PASSED = {
    "read.done": ("{bytes} bytes, a claim about: {claim}", "共 {bytes} 字节，声明类型：{claim}"),
    "genesis.done": (
        "{profile} chain {chain}, suite {suite}, {founders} founders, every key proven; genesis hash {genesis}",
        "{profile} {chain}，密码套件 {suite}，创始成员 {founders} 个，密钥均已证明；创世哈希 {genesis}",
    ),
    "trust.none": (
        "no trust is given: nothing says that this genesis is the true one",
        "未提供信任文件：无法确认该创世是否真实",
    ),
    "trust.pinned": ("the genesis is the pinned one", "创世与信任文件一致"),
    "trust.keys": (
        "nothing pinned differs; {quorum} of {keys} pinned keys must have cosigned",
        "与信任文件不矛盾；所指定的 {keys} 个密钥中须有 {quorum} 个联署",
    ),
    "epochs.done": (
        "epoch {epoch} is reached, {votes} votes verified",
        "到达第 {epoch} 纪元，已验证表决签名 {votes} 个",
    ),
    "checkpoint.done": (
        "height {height}, {time}, log of {size} entries",
        "高度 {height}，时间 {time}，日志共 {size} 条",
    ),
    "cosignatures.epoch": (
        "{counted} of epoch {epoch} cosigned, {quorum} are needed: {members}",
        "第 {epoch} 纪元有 {counted} 个成员联署，须有 {quorum} 个：{members}",
    ),
    "cosignatures.pinned": (
        "{counted} pinned keys cosigned, {quorum} are needed; {signatures} cosignatures of epoch {epoch}: {members}",
        "所指定密钥中 {counted} 个已联署，须有 {quorum} 个；第 {epoch} 纪元联署共 {signatures} 个：{members}",
    ),
    "cosignatures.epoch_short": (
        "only {counted} of epoch {epoch} cosigned, {quorum} are needed: {members}",
        "第 {epoch} 纪元仅 {counted} 个成员联署，须有 {quorum} 个：{members}",
    ),
    "cosignatures.pinned_short": (
        "only {counted} pinned keys cosigned, {quorum} are needed; "
        "{signatures} cosignatures of epoch {epoch}: {members}",
        "所指定密钥中仅 {counted} 个已联署，须有 {quorum} 个；第 {epoch} 纪元联署共 {signatures} 个：{members}",
    ),
    "leaf.done": (
        "logged as entry {index} at height {height}, {time}; body id {body}",
        "记入日志第 {index} 条，高度 {height}，时间 {time}；事务体标识 {body}",
    ),
    "signatures.done": ("{signatures} signed the body id", "对事务体标识的签名 {signatures} 个，均有效"),
    "operation.done": (
        "{contract}.{method} is of this transaction and was done",
        "操作 {contract}.{method} 属于该事务且已执行成功",
    ),
    "item.none": ("the operation has no batch", "该操作没有批次"),
    "item.done": ("item {index} of a batch of {count}", "批次共 {count} 条，此为第 {index} 条"),
    "state.done": ("{entries} entries proven under the state root", "已在状态根下证明 {entries} 项状态"),
    "signers.done": (
        "account {accounts} of member {members}, key in force then",
        "账户 {accounts}，所属成员 {members}，当时密钥有效",
    ),
    "members.done": (
        "{members}: {names}; {kinds}; {statuses} at the checkpoint",
        "{members}：{names}；{kinds}；检查点时状态：{statuses}",
    ),
    "claim.record_stands": (
        "record {commitment} was registered by member {member} at {time} in batch {batch}; "
        "it is not destroyed as of {as_of}",
        "记录 {commitment} 由成员 {member} 于 {time} 在批次 {batch} 登记；截至 {as_of} 未销毁",
    ),
    "claim.record_destroyed": (
        "record {commitment} was registered by member {member} at {time} in batch {batch}; "
        "as of {as_of} its destruction is certified, certificate {certificate}",
        "记录 {commitment} 由成员 {member} 于 {time} 在批次 {batch} 登记；截至 {as_of} 已有销毁凭证 {certificate}",
    ),
    "claim.anchor": (
        "private chain {chain} of member {member} was anchored at {time} with {size} entries, log root {log_root}; "
        "its last anchor as of {as_of} has {last}",
        "成员 {member} 的私有链 {chain} 于 {time} 锚定，共 {size} 条，日志根 {log_root}；"
        "截至 {as_of} 最近锚定为 {last} 条",
    ),
    "claim.anchor_frozen": (
        "private chain {chain} of member {member} was anchored at {time} with {size} entries, log root {log_root}; "
        "its last anchor as of {as_of} has {last}, AND IT IS FROZEN: no further anchor is taken",
        "成员 {member} 的私有链 {chain} 于 {time} 锚定，共 {size} 条，日志根 {log_root}；"
        "截至 {as_of} 最近锚定为 {last} 条，"
        "且该链已冻结，不再接受锚定",
    ),
    "opening.none": ("nothing is opened", "未开示任何内容"),
    "opening.done": ("the commitment is of what is opened: {parts}", "存证哈希与所开示内容一致：{parts}"),
    "opening.behaviour": (
        "the commitment is of what is opened: {parts}; record {record} of type {type}, of {recorded}, "
        "recorded by account {recorder} of institution {institution}, occasion: {occasion}",
        "存证哈希与所开示内容一致：{parts}；记录 {record}，类型 {type}，医疗行为时间 {recorded}，"
        "由机构 {institution} 的账户 {recorder} 记录，就诊：{occasion}",
    ),
    "rest.done": ("every state entry was needed", "所有状态项均被用到"),
    "access.log": (
        "{entries} access entries are in the private chain {chain} as it was anchored with {size} entries",
        "访问记录 {entries} 条，均在锚定时共 {size} 条日志的私有链 {chain} 中",
    ),
    "access.entry": (
        "entry {entry} about record {commitment} (time, account, member, action, purpose, outcome): {lines}",
        "访问记录 {entry}，涉及记录 {commitment}（时间、账户、成员、行为、用途、结果）：{lines}",
    ),
    "access.entries": (
        "{entries} entries about record {commitment} (time, account, member, action, purpose, outcome): {lines}",
        "涉及记录 {commitment} 的访问记录 {entries} 条（时间、账户、成员、行为、用途、结果）：{lines}",
    ),
    "access.no_head": (
        "one entry: whether there are others is not said",
        "仅为单条访问记录：未说明是否另有其他",
    ),
    "access.complete": (
        "complete: these {count} are all that the institution's node had recorded of this record as of {as_of}",
        "完整：截至 {as_of}，机构节点对该记录所记的访问共 {count} 条，全部在此",
    ),
    "readers.done": (
        "{signed} signed by the reader with a key of the account, in force then where it was permitted; "
        "{unsigned} by the institution's own word about its own accounts",
        "由读取人以其账户密钥签名 {signed} 条（获准的，当时密钥有效）；机构对其自身账户单方记载 {unsigned} 条",
    ),
    "episode.sealing": (
        "episode {episode} was sealed at {time} for: {reason}; private chain {chain}, {size} log entries anchored",
        "就诊 {episode} 于 {time} 封存，事由：{reason}；私有链 {chain}，已锚定日志 {size} 条",
    ),
    "episode.set": (
        "these {records} records and no others were sealed; root {root}",
        "所封存的正是这 {records} 条记录，不多不少；根哈希 {root}",
    ),
    "episode.is_sealed": ("sealed and not opened, as of {as_of}", "截至 {as_of} 处于封存状态，未启封"),
    "episode.is_proposed": (
        "sealed; one side has proposed to open it, as of {as_of}",
        "截至 {as_of} 处于封存状态，一方已提出启封",
    ),
    "episode.is_opened": ("opened by both sides, as of {as_of}", "截至 {as_of} 已由双方启封"),
    "sides.done": (
        "account {account} and the holder of the key for person {person} signed; {opened} signed to open",
        "账户 {account} 与人员承诺 {person} 对应密钥的持有人均已签名；启封签名 {opened} 个",
    ),
    "late.done": ("{late} late additions and no others, as of {as_of}", "截至 {as_of} 封存后新增 {late} 条，不多不少"),
    "registrations.done": ("{registrations} records shown as registered", "已展示 {registrations} 条记录的存证登记"),
    "reads.done": (
        "all access entries of {records} records, {entries} in all, as of {as_of}",
        "截至 {as_of} 已展示 {records} 条记录的全部访问记录，共 {entries} 条",
    ),
}

REFUSED = {
    "file.unreadable": ("the file can't be read: {problem}", "无法读取文件：{problem}"),
    "read.too_large": ("over {limit} bytes", "超过 {limit} 字节"),
    "read.too_many": (
        "too many to check: {signatures} signatures, {states} state entries",
        "数量过多，不予检查：签名 {signatures} 个，状态 {states} 项",
    ),
    "encoding.trailing": ("bytes follow the value at {position}", "位置 {position} 之后有多余字节"),
    "encoding.too_many_values": ("over {limit} values", "值的数量超过 {limit}"),
    "encoding.type": ("a type that never occurs, at {position}", "位置 {position} 出现不允许的类型"),
    "encoding.truncated": ("the bytes end too early, at {position}", "位置 {position} 处字节不足"),
    "encoding.not_shortest": ("not the shortest form, at {position}", "位置 {position} 不是最短形式"),
    "encoding.integer": ("an integer of 2^63 or more", "整数达到或超过 2^63"),
    "encoding.not_ascii": ("a string that isn't ASCII", "字符串不是 ASCII"),
    "encoding.too_deep": ("nested deeper than {limit}, at {position}", "位置 {position} 嵌套超过 {limit} 层"),
    "form.array": ("{where} is no array", "{where} 不是数组"),
    "form.fields": ("{where} has {found} fields, not {expected}", "{where} 有 {found} 个字段，应为 {expected} 个"),
    "form.kind": ("{where} is no {expected}", "{where} 不是 {expected}"),
    "form.type": ("{where} is no {expected}", "{where} 不是 {expected}"),
    "form.value": ("{where} is no {expected}", "{where} 不符合 {expected}"),
    "unknown.version": ("{where} has version {version}, which is not known", "{where} 的版本 {version} 未知"),
    "unknown.claim": ("the claim {claim} is not known", "声明类型 {claim} 未知"),
    "unknown.suite": ("the suite {suite} is not known", "密码套件 {suite} 未知"),
    "unknown.profile": ("the profile {profile} is not known", "链类型 {profile} 未知"),
    "unknown.trust_version": ("the trust's version {version} is not known", "信任文件的版本 {version} 未知"),
    "genesis.founders": ("{founders} founders are not allowed here", "创始成员数 {founders} 不被允许"),
    "genesis.accounts": ("two accounts have one id or one key", "两个账户的标识或密钥相同"),
    "genesis.parameters": ("a parameter is 0", "有参数为 0"),
    "genesis.proof": (
        "the proof of key of member {member}, account '{account}' doesn't verify",
        "成员 {member} 账户“{account}”的密钥证明无效",
    ),
    "trust.too_large": ("the trust is over {limit} bytes", "信任文件超过 {limit} 字节"),
    "trust.json": ("the trust is no JSON", "信任文件不是 JSON"),
    "trust.form": ("the trust isn't of the form: {where}", "信任文件格式不符：{where}"),
    "trust.chain": ("this is chain {found}, pinned is {pinned}", "该链为 {found}，所指定的是 {pinned}"),
    "trust.genesis": ("this is genesis {found}, pinned is {pinned}", "创世哈希为 {found}，所指定的是 {pinned}"),
    "epoch.members": (
        "members of epoch {epoch} don't ascend, or share a key",
        "第 {epoch} 纪元的成员未按序排列，或密钥重复",
    ),
    "epoch.key_form": ("a key of epoch {epoch} is no key of the suite", "第 {epoch} 纪元有不属于该套件的密钥"),
    "epoch.majority": (
        "threshold or quorum of epoch {epoch} is no majority",
        "第 {epoch} 纪元的表决门槛或联署数未过半",
    ),
    "epoch.sequence": ("epoch {epoch} doesn't follow the one before", "第 {epoch} 纪元不接续前一纪元"),
    "epoch.voters": (
        "votes for epoch {epoch} don't ascend, or one is of no voting member",
        "第 {epoch} 纪元的表决未按序排列，或表决者无表决权",
    ),
    "epoch.threshold": (
        "{votes} votes for epoch {epoch}, {needed} are needed",
        "第 {epoch} 纪元仅有 {votes} 票，须有 {needed} 票",
    ),
    "epoch.vote": (
        "the vote of {member} for epoch {epoch} doesn't verify",
        "成员 {member} 对第 {epoch} 纪元的表决签名无效",
    ),
    "checkpoint.text": ("the text isn't of the form", "检查点文本格式不符"),
    "checkpoint.lines": ("the signature lines aren't of the form", "签名行格式不符"),
    "checkpoint.base64": ("base64 that would be written otherwise", "base64 不是唯一写法"),
    "checkpoint.chain": ("it is of chain {found}, not {expected}", "检查点属于链 {found}，而非 {expected}"),
    "checkpoint.epoch": (
        "epoch {epoch} is not yet in force at height {height}",
        "第 {epoch} 纪元在高度 {height} 尚未生效",
    ),
    "cosignature.member": ("{member} is no cosigning member", "{member} 不是联署成员"),
    "cosignature.key_id": (
        "the line of {member} has another key's id or type",
        "成员 {member} 的签名行所用密钥或类型不符",
    ),
    "cosignature.signature": ("the cosignature of {member} doesn't verify", "成员 {member} 的联署签名无效"),
    "leaf.chain": ("the transaction is of chain {found}, not {expected}", "事务属于链 {found}，而非 {expected}"),
    "leaf.other": ("the leaf's {part} is another's", "日志叶的 {part} 与事务不符"),
    "leaf.expired": ("logged at {time}, valid until {valid_until}", "记入时间 {time} 晚于有效期 {valid_until}"),
    "leaf.later": ("later than the checkpoint: height {height}, time {time}", "晚于检查点：高度 {height}，时间 {time}"),
    "leaf.path": (
        "the path of entry {index} doesn't lead to the root of {size} entries",
        "第 {index} 条的路径不通向 {size} 条日志的根",
    ),
    "signatures.count": (
        "{signers} signers, {signatures} signatures, or a signer twice",
        "签名者 {signers} 个，签名 {signatures} 个，或签名者重复",
    ),
    "signatures.signature": ("signature {position} doesn't verify", "第 {position} 个签名无效"),
    "operation.path": ("the operation is not of this transaction", "该操作不属于此事务"),
    "operation.refused": ("the transaction was refused with {number}", "事务被拒绝，编号 {number}"),
    "item.unexpected": (
        "{items} items are shown, the operation has {batches} batches",
        "展示了 {items} 个条目，而操作有 {batches} 个批次",
    ),
    "item.path": ("item {index} is not of the batch of {count}", "第 {index} 条不属于共 {count} 条的批次"),
    "state.order": ("state entries don't ascend", "状态项未按序排列"),
    "state.proof_form": ("a state proof's {part} is not of the form", "状态证明的 {part} 格式不符"),
    "state.root": ("the proof of state key {key} doesn't lead to the state root", "状态键 {key} 的证明不通向状态根"),
    "state.missing": ("the state of {namespace} {part} is not shown", "未展示状态 {namespace} {part}"),
    "state.absent": ("the state has no {namespace} {part}", "状态中没有 {namespace} {part}"),
    "signers.not_in_force": (
        "key {position}, of account {account}, was not in force",
        "第 {position} 个密钥（账户 {account}）当时未生效",
    ),
    "signers.compromised": (
        "key {position}, of account {account}, was compromised",
        "第 {position} 个密钥（账户 {account}）当时已泄露",
    ),
    "claim.operation": (
        "{contract}.{method}, version {version}, doesn't show this claim",
        "操作 {contract}.{method}（版本 {version}）不能证明该声明",
    ),
    "claim.item": ("a record claim needs an item", "记录声明须有批次条目"),
    "claim.subject": ("the operation is about another subject", "操作的对象与声明不符"),
    "claim.anchor_signature": (
        "the anchored head isn't signed by member {member}",
        "所锚定的链头没有成员 {member} 的有效签名",
    ),
    "claim.anchor_state": (
        "the state holds another member's chain, or a smaller size: {size}",
        "状态中该链属于其他成员，或大小较小：{size}",
    ),
    "opening.unexpected": ("only a record can be opened", "只有记录可以开示"),
    "opening.part": ("the {part} opened is not the one committed to", "所开示的 {part} 与存证哈希不符"),
    "opening.commitment": ("the parts don't make the record commitment", "各部分与存证哈希不符"),
    "opening.institution": (
        "the behaviour data name institution {found}, the signer's is {expected}",
        "行为数据中的机构 {found} 与签名者的机构 {expected} 不符",
    ),
    "rest.state": ("state key {key} has no use here", "状态键 {key} 并无用处"),
    "read.too_many_keys": ("too many keys to check: {keys}", "密钥过多，不予检查：{keys} 个"),
    "access.anchor": ("the bundle within is not about an anchor", "内含的证明包并非锚定证明"),
    "access.operation": ("log entry {index} shows no access entry", "日志第 {index} 条未展示访问记录"),
    "access.number": ("{entries} entries are shown, the claim is about one", "展示了 {entries} 条，而声明仅涉及一条"),
    "access.subject": (
        "the entry in log entry {index} is about something else",
        "日志第 {index} 条中的访问记录与声明不符",
    ),
    "access.order": (
        "the entries are not in log order at log entry {index}, or one is there twice",
        "访问记录在日志第 {index} 条处未按日志顺序排列，或有重复",
    ),
    "access.head_unneeded": ("a head is shown that nothing needs", "展示了并无用处的链头"),
    "access.head_missing": ("the list has no access head to lead to", "缺少可供核对的访问链头"),
    "access.head_other": ("the access head is another record's", "访问链头属于其他记录"),
    "access.incomplete": (
        "the {found} entries don't lead to the access head, which counts {head}",
        "所示 {found} 条不通向访问链头（其计数为 {head}）",
    ),
    "readers.unproven": (
        "entry {position}, of account {account}, lacks the proof of its reader",
        "第 {position} 条（账户 {account}）缺少读取人证明",
    ),
    "readers.key_missing": (
        "the registry's entry of the reader's key of entry {position} is not shown",
        "未展示第 {position} 条读取人密钥的登记",
    ),
    "readers.account": (
        "the key of entry {position} is not one of account {account}",
        "第 {position} 条的密钥不属于账户 {account}",
    ),
    "readers.not_in_force": (
        "the key of entry {position}, of account {account}, was not in force",
        "第 {position} 条的密钥（账户 {account}）当时未生效",
    ),
    "readers.signature": (
        "the request of entry {position} is not signed by account {account}",
        "第 {position} 条的请求没有账户 {account} 的有效签名",
    ),
    "read.too_many_states": ("too many states to check: {states}", "状态过多，不予检查：{states} 个"),
    "episode.operation": ("log entry {index} seals no episode", "日志第 {index} 条并非封存操作"),
    "episode.other": ("it seals episode {found}, not {expected}", "所封存的就诊为 {found}，而非 {expected}"),
    "episode.count": (
        "{found} records are shown or one is there twice, {sealed} were sealed",
        "展示了 {found} 条记录或有重复，而封存的为 {sealed} 条",
    ),
    "episode.root": ("the records don't lead to the sealed root", "所示记录不通向封存的根哈希"),
    "episode.state_other": ("the state shown is another episode's", "所示状态属于其他就诊"),
    "episode.state_absent": ("the state does not have the episode", "状态中没有该就诊"),
    "episode.state_differs": ("the state has another sealing", "状态中的封存内容不同"),
    "episode.records_order": (
        "a record shown is not of the episode, or not in order, or there twice",
        "所示记录不属于该就诊，或未按顺序，或有重复",
    ),
    "sides.one_key": ("both sides have one key", "双方使用同一密钥"),
    "sides.signature": ("side {side} has not signed the sealing", "第 {side} 方没有对封存的有效签名"),
    "sides.opening": ("side {side} can't open the episode so", "第 {side} 方不能如此启封"),
    "sides.opening_time": ("side {side} opened it out of order of time", "第 {side} 方的启封时间顺序有误"),
    "sides.opening_signature": ("side {side} has not signed the opening", "第 {side} 方没有对启封的有效签名"),
    "sides.key_missing": (
        "the registry's entry of a key of account {account} is not shown",
        "未展示账户 {account} 密钥的登记",
    ),
    "sides.account": ("a key is not one of account {account} of the institution", "密钥不属于该机构账户 {account}"),
    "sides.not_in_force": ("the key of account {account} was not in force", "账户 {account} 的密钥当时未生效"),
    "late.order": ("the late additions are not in order, or one is there twice", "封存后新增未按顺序，或有重复"),
    "late.incomplete": (
        "the {found} late additions don't lead to what the state has, which counts {marked}",
        "所示 {found} 条封存后新增与状态不符（其计数为 {marked}）",
    ),
    "registrations.member": ("record {record} was registered by another member", "记录 {record} 由其他成员登记"),
}

SENTENCES = PASSED | REFUSED
