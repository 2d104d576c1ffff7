"""The policy: from caller, contract and method to permit or deny, with the rule that decided.

It rests on the rights table of ``stakeholders/rights.py`` alone and reads no state (S5.2, S6.3a). The first
signer of a transaction acts, further signers only stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from xinglin.carrier.access.policy.errors import KindDenied, RightUnlisted, RoleDenied
from xinglin.carrier.contracts.api import Caller, Context, Method
from xinglin.kernel.errors import Denied
from xinglin.stakeholders.rights import RIGHTS


class Rule(StrEnum):
    """What decided."""

    GRANTED = "granted"
    UNLISTED = "unlisted"
    KIND = "kind"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the policy: permitted or not, and by which rule."""

    permit: bool
    rule: Rule


def decide(caller: Caller, contract: str, method: str) -> Decision:
    """Return whether ``caller`` may call a method: listed, then the member's kind, then a role."""
    right = RIGHTS.get((contract, method))
    if right is None:
        return Decision(False, Rule.UNLISTED)
    if caller.member_kind not in right.kinds:
        return Decision(False, Rule.KIND)
    if right.roles.isdisjoint(caller.roles):
        return Decision(False, Rule.ROLE)
    return Decision(True, Rule.GRANTED)


def guarded(contract: str, methods: Mapping[str, Method]) -> dict[str, Method]:
    """Return the methods with the policy asked before each: every contract is built from this.

    The methods returned raise RightUnlisted, KindDenied or RoleDenied before anything else runs.
    """
    return {name: replace(method, run=_guard(contract, name, method.run)) for name, method in methods.items()}


def _guard(
    contract: str, method: str, run: Callable[[Context, Any, Sequence[bytes]], None]
) -> Callable[[Context, Any, Sequence[bytes]], None]:
    def permitted(ctx: Context, arguments: Any, items: Sequence[bytes]) -> None:
        decision = decide(ctx.caller, contract, method)
        if not decision.permit:
            raise _refusal(decision.rule, ctx.caller, contract, method)
        run(ctx, arguments, items)

    return permitted


def _refusal(rule: Rule, caller: Caller, contract: str, method: str) -> Denied:
    if rule is Rule.KIND:
        return KindDenied(kind=caller.member_kind.name.lower(), contract=contract, method=method)
    if rule is Rule.ROLE:
        return RoleDenied(account=caller.account, contract=contract, method=method)
    return RightUnlisted(contract=contract, method=method)
