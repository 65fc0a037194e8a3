"""`python -m msforge` is `msforge`."""

from __future__ import annotations


def _main() -> None:
    try:
        from msforge.cli import main
    except KeyboardInterrupt:  # before there was anything to interrupt
        raise SystemExit(130) from None
    main()


if __name__ == "__main__":
    _main()
