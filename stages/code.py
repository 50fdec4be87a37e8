"""Digest the code of every stage, so that a stage re-runs when its code changes and not when a comment does."""

from pathlib import Path

from emofuse import code_digest
from emofuse.stage import run


def main() -> None:
    """Write build/code/<stage>.txt and build/code/<stage>-<member>.txt."""
    code_digest.write(Path("stages"), Path("src"), Path("requirements.lock"), Path("build/code"))


if __name__ == "__main__":
    run(main)
