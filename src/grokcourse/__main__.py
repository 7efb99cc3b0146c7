"""``python -m grokcourse`` is the command ``grokcourse``."""

import sys

from .cli import main

sys.exit(main())
