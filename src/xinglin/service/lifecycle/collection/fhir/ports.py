"""What the FHIR door needs from outside: a validator of single resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xinglin.service.lifecycle.collection.fhir.findings import Issue


class Validator(Protocol):
    """Judges resources by the definitions of FHIR R4."""

    def validate(self, resources: Sequence[bytes]) -> list[list[Issue]]:
        """Return the findings on each resource, in the same order; an empty list for a valid one.

        MUST NOT raise for any bytes, MUST NOT put content of a resource into a finding, MUST find a key that
        appears twice in an object. Resources that stand inside others (in a Bundle, in Parameters, contained) are
        judged too.

        Args:
            resources: JSON texts in UTF-8, possibly malformed.
        """
        ...
