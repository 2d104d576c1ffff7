"""Certificates for TLS in tests: an authority, and what it signs, made by the ``openssl`` command."""

from __future__ import annotations

from pathlib import Path

from tests.support.openssl import openssl


def make_authority(folder: Path, name: str = "authority") -> Path:
    """Make an authority; return its certificate, beside which lies its key."""
    certificate = folder / f"{name}.pem"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
        "-keyout", folder / f"{name}.key", "-out", certificate,
    )  # fmt: skip
    return certificate


def make_certificate(authority: Path, name: str) -> tuple[Path, Path]:
    """Make a key and a certificate of a host name or address by an authority; return both files, certificate first."""
    folder, kind = authority.parent, "IP" if name.replace(".", "").isdecimal() else "DNS"
    key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
    more = folder / f"{name}.ext"
    more.write_text(f"subjectAltName={kind}:{name}\n")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
        "-keyout", key, "-out", request,
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority.with_suffix(".key"), "-days", "2",
        "-extfile", more, "-out", certificate,
    )  # fmt: skip
    return certificate, key
