"""Two hospitals that keep a chain together, each with patients of its own, as a ``Site``: for what goes between them.

The first, A, knows 王芳 (with an open encounter) and 王方, who may be the same; the second, B, knows 王芳 by name,
birth date and phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.fhir_bundles import ENCOUNTER, OBSERVATION, ORGANISATION, PATIENT, PRACTITIONER, Resource, but
from tests.support.fhir_bundles import collection as bundle_of
from tests.support.hospitals import make_hospitals
from tests.support.product import PASSPHRASE, write_passphrase
from xinglin.node.node import Node
from xinglin.node.office.accounts import add_account
from xinglin.node.records.reading import reading
from xinglin.node.site import Site, open_site
from xinglin.service.basic.intake.files import Refusal
from xinglin.stakeholders.kinds import Role

A, B = "custodian", "reader"
CARD = "110101199003074514"
PHONE = [{"system": "phone", "value": "13800138001"}]
DAY_MS = 86_400_000


def patient(text: str, birth: str, **more: object) -> Resource:
    """Return a Patient with a Chinese name."""
    name = [{"use": "official", "text": text, "family": text[0], "given": [text[1:]]}]
    return but(PATIENT, name=name, birthDate=birth, **more)


def care(person: Resource) -> bytes:
    """Return the bundle of a person in an encounter that goes on, with one observation."""
    encounter = but(ENCOUNTER, status="in-progress", period={"start": "2020-05-01T10:00:00+08:00"})
    return bundle_of(ORGANISATION, PRACTITIONER, person, encounter, OBSERVATION)


def renamed(data: bytes, suffix: str) -> bytes:
    """Return a bundle whose resources have other ids."""
    text = data.decode()
    for name in ("pat", "enc", "obs"):
        text = text.replace(f'"{name}"', f'"{name}{suffix}"').replace(f'/{name}"', f'/{name}{suffix}"')
    return text.encode()


WANG = patient(
    "王芳", "1990-03-07", telecom=PHONE, identifier=[{"system": "urn:oid:2.16.156.10011.1.3", "value": CARD}]
)
PERHAPS = patient("王方", "1990-03-08")
WANG_AT_B = patient("王芳", "1990-03-07", telecom=PHONE)


def make_neighbours(folder: Path) -> None:
    """Make both homes, with their patients."""
    make_hospitals(folder)
    write_passphrase(folder)
    with neighbours(folder) as site:
        take_in(site, site.nodes[0], folder / "bundles-a", [care(WANG), renamed(care(PERHAPS), "-2")])
        take_in(site, site.nodes[1], folder / "bundles-b", [care(WANG_AT_B)])


@contextmanager
def neighbours(folder: Path, *, acting: str = A) -> Iterator[Site]:
    """Give both homes, open; ``acting`` is the first."""
    homes = [folder / acting, folder / (B if acting == A else A)]
    with open_site(homes, PASSPHRASE) as site:
        yield site


def take_in(site: Site, node: Node, folder: Path, bundles: Sequence[bytes], source: str = "his") -> list[Refusal]:
    """Take bundles in at one home; return the files that were refused."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, data in enumerate(bundles):
        files.append(folder / f"{number}.json")
        files[-1].write_bytes(data)
    refusals: list[Refusal] = []
    archive = site.archive_of(node)
    with reading(files, 1 << 27, refusals, archive.orders(source)) as incoming:
        archive.take_in(source, incoming)
    return refusals


def staff(node: Node, role: Role = Role.PRACTITIONER) -> str:
    """Make an account at a home and return its id."""
    return add_account(node, (role,), f"{role.name} of a test").account
