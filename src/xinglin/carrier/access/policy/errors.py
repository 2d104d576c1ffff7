"""Refusals of the rights policy (numbers 1390 to 1399)."""

from __future__ import annotations

from xinglin.kernel.errors import Denied


class RightUnlisted(Denied):
    """The rights table has no line for the method, so nobody may call it."""

    code, number, clause = "policy.unlisted", 1390, "S8.3"
    en = "Nobody has the right to call {contract}.{method}."
    zh = "无人有权调用 {contract}.{method}。"
    hint_en = "Rights are listed in docs/spec/contracts.md."
    hint_zh = "权限见 docs/spec/contracts.md。"


class KindDenied(Denied):
    """The kind of member that the caller belongs to may not call the method."""

    code, number, clause = "policy.kind", 1391, "S5.2"
    en = "Members of kind {kind} may not call {contract}.{method}."
    zh = "{kind} 类成员无权调用 {contract}.{method}。"
    hint_en = "Rights are listed in docs/spec/contracts.md."
    hint_zh = "权限见 docs/spec/contracts.md。"


class RoleDenied(Denied):
    """No role of the calling account may call the method."""

    code, number, clause = "policy.role", 1392, "S6.3a"
    en = "No role of account {account} may call {contract}.{method}."
    zh = "账户 {account} 的角色无权调用 {contract}.{method}。"
    hint_en = "Sign with an account of another role; an administrator creates accounts."
    hint_zh = "请使用其他角色的账户签名；账户由管理员创建。"
