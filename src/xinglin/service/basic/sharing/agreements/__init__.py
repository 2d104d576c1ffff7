"""The contract ``agreement``: what two members signed, on the consortium chain (docs/spec/agreement.md)."""
