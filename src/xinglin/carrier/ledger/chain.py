"""What the ledger's rules need to know of their chain, in one value.

Joins the chain's id and parameters with the suite and the two ports; built once when a chain is opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.genesis import chain_id
from xinglin.carrier.ledger.model import Genesis, Parameters
from xinglin.carrier.ledger.ports import Executor, SignerDirectory


@dataclass(frozen=True, slots=True)
class ChainRules:
    """A chain as its rules see it."""

    chain: str
    genesis: Genesis
    suite: Suite
    executor: Executor
    directory: SignerDirectory

    @property
    def parameters(self) -> Parameters:
        """The limits that the genesis fixes."""
        return self.genesis.parameters


def chain_rules(genesis: Genesis, suite: Suite, executor: Executor, directory: SignerDirectory) -> ChainRules:
    """Return the rules of the chain that a genesis begins."""
    return ChainRules(chain_id(suite.hash, genesis), genesis, suite, executor, directory)
