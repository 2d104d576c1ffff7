"""``python -m xinglin`` and the command ``xinglin``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from xinglin.cli.app import run  # noqa: PLC0415  (so that a spawned worker imports only what it needs)

    run()


if __name__ == "__main__":
    main()
