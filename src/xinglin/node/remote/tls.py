"""Whose certificates are believed of a TLS proxy before a node's listener (docs/spec/node-http.md, NH32).

Whose node answers is shown by signatures; TLS hides what is asked from who listens on the way.
"""

from __future__ import annotations

import ssl
from functools import lru_cache

from xinglin.kernel.errors import Invalid


class AuthoritiesInvalid(Invalid):
    """The file of certificate authorities for other members' nodes can't be used."""

    code, number, clause = "node.authorities", 6370, "S6.3a"
    en = "The file of certificate authorities {file} can't be used: {reason}."
    zh = "证书颁发机构文件 {file} 不可用：{reason}。"
    hint_en = (
        "It is a PEM file that the node's user may read, with the certificates that sign those of others' proxies."
    )
    hint_zh = "该文件应为节点用户可读的 PEM 文件，内含为其他成员代理签发证书的机构证书。"


@lru_cache(maxsize=16)
def context_of(ca_file: str) -> ssl.SSLContext:
    """Return what verifies certificates and their hosts by the authorities of a file, read once in a process.

    Args:
        ca_file: a PEM file; the system's authorities where it is empty.

    Raises:
        AuthoritiesInvalid: it can't be read, or has no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as fault:  # ssl.SSLError is one
        reason = "it has no certificate" if isinstance(fault, ssl.SSLError) else fault.strerror or "it can't be read"
        raise AuthoritiesInvalid(file=ca_file, reason=reason) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
