"""Accounts act on records: signed with the account's key where it is, decided where the record is (H4, H12)."""

from __future__ import annotations

from xinglin.kernel.encoding import encode
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer
from xinglin.service.basic.audit.messages import AccessRequest, Asked
from xinglin.service.basic.audit.receipts import sign_request
from xinglin.service.basic.reading.reader import VALID_MS
from xinglin.stakeholders.purposes import Purpose


def signed_act(home: Node, custodian: Node, account: str, commitment: bytes, action: str, purpose: Purpose) -> bytes:
    """Return a request for an act on a record, signed by an account.

    Args:
        home: whose key store has the account's key.
        custodian: the node that keeps the record.
        account: who acts, of the home's member.
        commitment: of the record.
        action: what is to be done.
        purpose: for what.

    Raises:
        AccountKeyMissing: the home has no key of the account.
    """
    suite = home.consortium.rules.suite
    request = AccessRequest(
        chain=home.consortium.rules.chain,
        id=random_bytes(16),
        account=account,
        member=home.member,
        custodian=custodian.settings.node,
        asked=Asked("record", commitment),
        action=action,
        purpose=purpose.value,
        consents=(),
        valid_until=SystemClock().now_ms() + VALID_MS,
    )
    return encode(sign_request(suite.hash, request, account_signer(home, account)))
