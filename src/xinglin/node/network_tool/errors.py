"""Refusals of the network tool."""

from __future__ import annotations

from xinglin.kernel.errors import Conflict, Invalid, NotFound, Unavailable


class MembersInvalid(Invalid):
    """The file that says which members a consortium has is not valid."""

    code, number, clause = "network.members", 6250, "S6.2b"
    en = "{file} is not valid at {where}: {reason}."
    zh = "{file} 在 {where} 处无效：{reason}。"
    hint_en = "See 'A consortium on your laptop' (docs/guide/laptop-consortium.md) for what it may say."
    hint_zh = "文件格式见 docs/guide/zh/laptop-consortium.md。"


class NetworkNotFound(NotFound):
    """The folder holds no network."""

    code, number, clause = "network.not_found", 6251, "S6.3b"
    en = "There is no network in {folder}: it has no network.toml."
    zh = "{folder} 中没有网络：缺少 network.toml。"
    hint_en = "Make one with 'xinglin network create', or name another folder with --folder."
    hint_zh = "用 xinglin network create 创建，或用 --folder 指定其他目录。"


class PlaceTaken(Unavailable):
    """Somebody listens where a node of the network is to listen."""

    code, number, clause = "network.place_taken", 6252, "S6.3b"
    en = "The node {node} can't listen at {place}: {reason}."
    zh = "节点 {node} 无法监听 {place}：{reason}。"
    hint_en = "Stop what listens there, or give the members other places (base_port in the file of members)."
    hint_zh = "请停止占用该地址的程序，或在成员文件中改用其他地址（base_port）。"


class NodeUnknown(NotFound):
    """The network has no node of that name."""

    code, number, clause = "network.node_unknown", 6253, "S6.3b"
    en = "The network in {folder} has no node {node}."
    zh = "{folder} 中的网络没有节点 {node}。"
    hint_en = "'xinglin network status' lists its nodes."
    hint_zh = "xinglin network status 可列出各节点。"


class NodeNotStarted(Unavailable):
    """A node's process ended, or did not answer in time, when it was started."""

    code, number, clause = "network.node_not_started", 6254, "S6.2f"
    en = "The node {node} has ended, or gave no answer within {seconds} s: {reason}."
    zh = "节点 {node} 已退出，或在 {seconds} 秒内没有应答：{reason}。"
    hint_en = "See 'xinglin network logs {node}', also with --engine."
    hint_zh = "请查看 xinglin network logs {node}，以及加 --engine 的输出。"


class NetworkStands(Unavailable):
    """The nodes run and no block is made."""

    code, number, clause = "network.stands", 6255, "S9.3"
    en = "All nodes answer, but {node} had no new block within {seconds} s."
    zh = "各节点均有应答，但 {node} 在 {seconds} 秒内没有新区块。"
    hint_en = "More than two thirds of the voting members must run and reach one another; see 'xinglin network status'."
    hint_zh = "须有超过三分之二的表决成员运行并互通；见 xinglin network status。"


class NetworkBusy(Conflict):
    """Another command starts, stops or exports the network now."""

    code, number, clause = "network.busy", 6256, "S6.3b"
    en = "Another command is at work on the network in {folder}."
    zh = "另有命令正在操作 {folder} 中的网络。"
    hint_en = "Wait until it has ended."
    hint_zh = "请等待其结束。"


class NetworkRuns(Conflict):
    """The network runs, and should not."""

    code, number, clause = "network.runs", 6257, "S6.3b"
    en = "The node {node} runs (process {process})."
    zh = "节点 {node} 正在运行（进程 {process}）。"
    hint_en = "Stop the network first: 'xinglin network down'."
    hint_zh = "请先停止网络：xinglin network down。"


class NetworkLeft(Conflict):
    """The network was exported: its keys are at work elsewhere."""

    code, number, clause = "network.left", 6258, "S6.2b"
    en = "The network in {folder} was exported to {to}; started here too, its validators would sign twice."
    zh = "{folder} 中的网络已导出到 {to}；若在此再次启动，其验证者会重复签名。"
    hint_en = "Run the exported homes. For another network here, create one in another folder."
    hint_zh = "请运行已导出的节点目录；如需在本机使用网络，请在其他目录重新创建。"


class NodeRemains(Unavailable):
    """A process of the network can't be stopped."""

    code, number, clause = "network.node_remains", 6259, "S6.3b"
    en = "Process {process} of the node {node} can't be stopped: {reason}."
    zh = "节点 {node} 的进程 {process} 无法停止：{reason}。"
    hint_en = "It may be another user's; stop it as that user."
    hint_zh = "该进程可能属于其他用户，请以其身份停止。"


class AddressInvalid(Invalid):
    """A host given for a node is none, or it is given for no node, or twice, or a node has none."""

    code, number, clause = "network.address", 6260, "S6.2b"
    en = "'{value}' does not say where a node is reached: {reason}."
    zh = "“{value}”未能指明节点地址：{reason}。"
    hint_en = "Give --host NODE=HOST once for each node: a name or address under which the others reach it."
    hint_zh = "请对每个节点给出一次 --host NODE=HOST，即其他成员连接该节点所用的主机名或地址。"
