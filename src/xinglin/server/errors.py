"""Refusals of the HTTP application (numbers 6230 to 6249)."""

from __future__ import annotations

from xinglin.kernel.errors import Denied, Invalid, NotFound, Unavailable


class RouteUnknown(NotFound):
    """There is nothing at a path."""

    code, number, clause = "server.route", 6230, "S6.3b"
    en = "There is nothing at this path."
    zh = "该路径不存在。"
    hint_en = "See docs/spec/node-http.md for what this listener answers."
    hint_zh = "本监听端口提供的路径见 docs/spec/node-http.md。"


class MethodUnfit(Invalid):
    """A path does not take the request's method."""

    code, number, clause = "server.method", 6231, "S6.3b"
    en = "This path does not take that method."
    zh = "该路径不支持此方法。"
    hint_en = "See docs/spec/node-http.md for what this listener answers."
    hint_zh = "本监听端口提供的路径见 docs/spec/node-http.md。"


class BodyTooLarge(Invalid):
    """The body of a request is longer than its path takes."""

    code, number, clause = "server.too_large", 6232, "S9.1"
    en = "The body of the request is larger than {maximum} bytes."
    zh = "请求正文超过 {maximum} 字节。"
    hint_en = "Send less at once."
    hint_zh = "请减少单次发送的内容。"


class BodySlow(Invalid):
    """The body of a request does not come in time."""

    code, number, clause = "server.slow", 6233, "S8.5c"
    en = "The request was not there after {seconds} s."
    zh = "请求在 {seconds} 秒内未发送完毕。"
    hint_en = "Send it again; check the network."
    hint_zh = "请重新发送并检查网络。"


class ServerBusy(Unavailable):
    """As many requests are in hand as this node bears."""

    code, number, clause = "server.busy", 6234, "S8.5c"
    en = "This node has too many requests in hand."
    zh = "本节点正在处理的请求过多。"
    hint_en = "Ask another node, or again in a moment."
    hint_zh = "请询问其他节点，或稍后重试。"


class SourceTooFast(Unavailable):
    """One address makes more requests than this node bears from one."""

    code, number, clause = "server.too_fast", 6235, "S8.5c"
    en = "Too many requests come from this address."
    zh = "来自该地址的请求过多。"
    hint_en = "Put more into one request, or ask more slowly."
    hint_zh = "请合并请求或放慢速度。"


class SubmissionsClosed(Denied):
    """The owner of the node lets nobody else submit through it."""

    code, number, clause = "server.no_submissions", 6321, "S6.1e"
    en = "This node takes no submissions of others."
    zh = "本节点不接受他人提交的事务。"
    hint_en = "Submit through another node: any does for all."
    hint_zh = "请通过其他节点提交；任一节点均可。"


class ParameterInvalid(Invalid):
    """A part of the path, a parameter of the query or the body's JSON is not in form."""

    code, number, clause = "server.parameter", 6236, "S9.1"
    en = "The {parameter} of the request is not in form."
    zh = "请求的 {parameter} 格式不正确。"
    hint_en = "See docs/spec/node-http.md for its form."
    hint_zh = "格式见 docs/spec/node-http.md。"


class HttpInvalid(Invalid):
    """What came is no HTTP request."""

    code, number, clause = "server.http", 6237, "S9.1"
    en = "What came is no HTTP request that can be read."
    zh = "收到的内容不是可读取的 HTTP 请求。"
    hint_en = "Speak HTTP/1.1."
    hint_zh = "请使用 HTTP/1.1。"


class ServerFault(Unavailable):
    """The node met a fault of its own while it answered."""

    code, number, clause = "server.fault", 6238, "S6.3b"
    en = "The node met a fault of its own."
    zh = "节点自身出现故障。"
    hint_en = "Ask again or ask another node; its keeper finds the place of the fault in its log."
    hint_zh = "请重试或询问其他节点；节点运维人员可在日志中查到故障位置。"


class ListenRefused(Unavailable):
    """The system does not let the node listen where its settings say."""

    code, number, clause = "server.listen", 6239, "S6.3b"
    en = "The node can't listen at {place}: {reason}."
    zh = "节点无法在 {place} 监听：{reason}。"
    hint_en = "See which process has the port, and the section [listener] of config.toml."
    hint_zh = "请检查占用该端口的进程及 config.toml 的 [listener] 部分。"
