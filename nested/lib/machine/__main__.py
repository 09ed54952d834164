# SPDX-License-Identifier: GPL-2.0-only
"""Entry point: `python3 -P -m machine ARGS`; nested/run calls it."""

import sys

from .main import main

sys.exit(main(sys.argv[1:]))
