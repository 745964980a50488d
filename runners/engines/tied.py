"""`python -m runners.engines.tied PROGRAM ARGUMENT ...`: the program, which ends with its parent.

For programs that do not see to it by themselves, whatever ends the parent.
"""

from __future__ import annotations

import os
import sys

from .worker import end_with_parent


def main() -> None:
    """Becomes the program."""
    end_with_parent()
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
