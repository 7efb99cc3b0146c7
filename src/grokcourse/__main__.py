"""``python -m grokcourse`` is the command ``grokcourse``."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder: among submissions, a file torch.py would be imported in place of torch

from .cli import main

sys.exit(main())
