"""`python -m runners ...` is `electra ...`."""

import sys

from .cli import main

sys.exit(main())
