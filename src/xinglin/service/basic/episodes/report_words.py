"""The words of the report on a sealed episode, each in Chinese and English. Nothing is decided here."""

from __future__ import annotations

Pair = tuple[str, str]
"""The same in Chinese and in English."""

TITLE: Pair = ("病历封存证明报告", "Report on a sealed medical record")
HEADINGS: dict[str, Pair] = {
    "readers": ("经由本节点的查阅", "Reads through this node"),
    "proven": ("已证明", "What is proven"),
    "not_proven": ("未证明", "What is not proven"),
    "check": ("如何核验", "How to check it"),
}
LABELS: dict[str, Pair] = {
    "institution": ("医疗机构", "Institution"),
    "episode": ("封存编号", "Episode"),
    "reason": ("封存事由", "Reason"),
    "sealed": ("封存时间", "Sealed at"),
    "set": ("封存记录数与根哈希", "Records sealed, root"),
    "sides": ("医方账户；患方人员承诺", "Institution's account; commitment to the other side"),
    "standing": ("状态", "State"),
    "late": ("封存后新增", "Late additions"),
    "registered": ("存证登记（记录账户）", "Registrations (recorded by)"),
    "chains": ("私有链；联盟链", "Private chain; consortium chain"),
    "as_of": ("截至；检查点；联署", "As of; checkpoint; cosigned"),
    "bundle": ("证明包字节数与 SHA-256", "Proof bundle: bytes, SHA-256"),
    "verdict": ("核验结论", "Verdict"),
}
STANDING: tuple[Pair, ...] = (
    ("封存中", "sealed"),
    ("封存中，已提出启封：", "sealed; opening proposed by:"),
    ("已启封：", "opened by:"),
)
TRUSTED: dict[bool, Pair] = {
    True: ("成立，且与所指定的信任一致", "holds, under the trust that was given"),
    False: (
        "前后一致；未指定信任，不能确认链本身的真实性",
        "consistent; no trust was given, so nothing says that the chain is the true one",
    ),
}
PROVEN: tuple[Pair, ...] = (
    (
        "双方于 {sealed} 共同签名封存的正是这 {records} 条记录，不多不少，此后未变（根哈希一致）。",
        "Both sides sealed exactly these {records} records at {sealed}, no more and no fewer; they are unchanged since "
        "(the root is the same).",
    ),
    (
        "截至 {as_of}，封存后新增的记录为 {late} 条，均已标明时间，且不属于封存清单。",
        "As of {as_of}, {late} records were added later; each is marked with its time, none is part of the sealed set.",
    ),
    (
        "{registrations} 条记录已由该机构在联盟链登记：何时、由谁记录，登记后内容未变。",
        "{registrations} of the records were registered on the consortium chain by the institution: who recorded them "
        "and when; their content is unchanged since.",
    ),
    (
        "对 {lists} 条记录，经由本节点的全部访问记录共 {entries} 条，无一遗漏。",
        "For {lists} records, the access entries shown, {entries} in all, are all that passed through this node.",
    ),
    (
        "以上内容截至 {as_of} 已锚定于联盟链，联署成员数 {cosigners}（须有 {quorum}），机构无法单方撤回。",
        "All this was anchored on the consortium chain as of {as_of}; members that cosigned: {cosigners} (needed: "
        "{quorum}). The institution alone can't take it back.",
    ),
)
NOT_PROVEN: tuple[Pair, ...] = (
    (
        "记录在登记之前是否真实、完整：证明的是登记之后未变，而非内容属实。",
        "That a record was true, or whole, before it was registered: it is proven unchanged since, not correct.",
    ),
    (
        "机构是否产生了应有的全部记录：清单由其节点从数据仓得出，未录入或归入其他就诊的不在其中。",
        "That every record was made that should have been: the node drew the set up from its vault; what was never "
        "entered, or names another encounter, is not in it.",
    ),
    (
        "节点之外的查阅：拍照、打印、口述，以及他人所持副本的使用。",
        "Reads outside the node: photographs, printouts, word of mouth, what others do with copies that they hold.",
    ),
    (
        "患方签名人的身份：链上仅有承诺值，身份声明及其盐值由双方保存。",
        "Who the other side's signer is: the chain has a commitment; both sides keep the statement and its salt.",
    ),
    ("上述时间之后发生的事。", "Anything after the time stated above."),
)
CHECK: tuple[Pair, ...] = (
    (
        "离线运行：xinglin-verify --trust 信任文件 证明包。创世哈希 {genesis} 须与可信渠道取得的信任文件一致。",
        "Offline: xinglin-verify --trust TRUST BUNDLE. The genesis hash {genesis} must be that of a trust file from a "
        "source that you trust.",
    ),
)
COPIES: dict[int, Pair] = {0: ("未开放内容", "nothing opened"), 1: ("原件", "original"), 2: ("去标识化副本", "copy")}
READ_BY: Pair = (
    "{account}（成员 {member}），{copy}，{times} 次，{first} 至 {last}",
    "{account} (member {member}), {copy}, {times} times, {first} to {last}",
)
NO_READS: dict[bool, Pair] = {
    True: ("无", "none"),
    False: ("本证明包未展示访问记录", "this bundle shows no access entries"),
}
