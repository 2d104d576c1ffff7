"""What is hashed and signed of a consent, and the form of its terms and openings (docs/spec/consent.md CN1 to CN8).

Pure: the hash of the chain's suite and all randomness come in as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.errors import Invalid
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.service.basic.protection.consents.model import (
    OPENING_BYTES,
    OPENING_COUNTS,
    ConsentOpening,
    ConsentTerms,
    SubjectCertificate,
    SubjectStatement,
)
from xinglin.stakeholders.purposes import Copy

_LENGTH_BYTES = 2


def terms_commitment(hash_: Hash, salt: bytes, terms: ConsentTerms) -> bytes:
    """Return H("consent", salt, terms) (CN1)."""
    return tagged(hash_, Tag.CONSENT, salt, terms)


def subject_commitment(hash_: Hash, salt: bytes, person: bytes) -> bytes:
    """Return H("subject", salt, person): whom a node knows a patient as (CN2)."""
    return tagged(hash_, Tag.SUBJECT, salt, person)


def certificate_commitment(hash_: Hash, salt: bytes, certificate: SubjectCertificate) -> bytes:
    """Return H("subject-certificate", salt, bytes of the certificate) (CN3)."""
    return tagged(hash_, Tag.SUBJECT_CERTIFICATE, salt, encode(certificate))


def statement_message(hash_: Hash, statement: SubjectStatement) -> bytes:
    """Return what an account signs to certify a subject key: H("subject-statement", statement) (CN3)."""
    return tagged(hash_, Tag.SUBJECT_STATEMENT, statement)


def certificate_opens(hash_: Hash, terms: ConsentTerms, salt: bytes, certificate: SubjectCertificate) -> bool:
    """Tell whether terms hold the commitment to a certificate, and the certificate is about their consent (CN3)."""
    about = certificate.statement.consent == terms.consent
    return about and terms.certificate == (certificate_commitment(hash_, salt, certificate),)


def grant_message(hash_: Hash, chain: str, consent: str, terms: bytes) -> bytes:
    """Return what a subject key signs to give a consent: bound to chain, id and terms (CN4)."""
    return tagged(hash_, Tag.CONSENT_GRANT, chain, consent, terms)


def revoke_message(hash_: Hash, chain: str, consent: str) -> bytes:
    """Return what a subject key signs to revoke a consent (CN5)."""
    return tagged(hash_, Tag.CONSENT_REVOKE, chain, consent)


def terms_in_form(terms: ConsentTerms) -> bool:
    """Tell whether terms meet CN6: lists ascend, nodes are distinct, a period that is one, a consent that opens."""
    lists: tuple[Sequence[Any], ...] = (
        terms.members,
        terms.roles,
        terms.accounts,
        terms.purposes,
        terms.categories,
        [one.node for one in terms.custodians],
    )
    opens = terms.prohibits == 1 or bool(terms.purposes and terms.categories)
    one_period = terms.from_ms < terms.until_ms and terms.copy is not Copy.NONE
    return all(_ascending(one) for one in lists) and one_period and opens


def _ascending(values: Sequence[Any]) -> bool:
    return all(a < b for a, b in pairwise(values))


def openings_in_form(sealed: Sequence[bytes]) -> bool:
    """Tell whether openings are 4 or 8, of one length (CN7)."""
    return len(sealed) in OPENING_COUNTS and len({len(one) for one in sealed}) == 1


def padded(opening: ConsentOpening) -> bytes | None:
    """Return an opening in its fixed length: 2 bytes of length, the encoding, zeros; None when it is too long (CN8)."""
    data = encode(opening)
    if len(data) > OPENING_BYTES - _LENGTH_BYTES:
        return None
    return (len(data).to_bytes(_LENGTH_BYTES, "big") + data).ljust(OPENING_BYTES, b"\x00")


def unpadded(plaintext: bytes) -> ConsentOpening:
    """Return the opening in what ``padded`` made.

    Raises:
        EncodingInvalid, EncodingNotCanonical: it is none.
    """
    length = int.from_bytes(plaintext[:_LENGTH_BYTES], "big")
    data, rest = plaintext[_LENGTH_BYTES : _LENGTH_BYTES + length], plaintext[_LENGTH_BYTES + length :]
    return decode(ConsentOpening, data if len(plaintext) == OPENING_BYTES and not rest.strip(b"\x00") else b"")


def terms_fault(hash_: Hash, opening: ConsentOpening, consent: str, commitment: bytes, node: str) -> str:
    """Return why an opening is not that of a consent for a node, empty when it is (CN9).

    Args:
        hash_: the hash of the chain's suite.
        opening: what the node decrypted.
        consent: the consent's id on the chain.
        commitment: the terms' commitment on the chain.
        node: the node's own id.
    """
    terms = opening.terms
    if terms_commitment(hash_, opening.salt, terms) != commitment:
        return "the terms are not those that were committed"
    if terms.consent != consent:
        return "the terms are of another consent"
    own = next((one for one in terms.custodians if one.node == node), None)
    if own is None:
        return "the terms do not name this node"
    if own.subject != subject_commitment(hash_, opening.subject_salt, opening.person):
        return "the terms are of another person"
    return "" if terms_in_form(terms) else "the terms are not in form"


def try_unpadded(plaintext: bytes) -> ConsentOpening | None:
    """Return the opening in a plaintext, None when it is none."""
    try:
        return unpadded(plaintext)
    except Invalid:
        return None
