# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m lab NAME MODULE ARGUMENTS...: the start of each command of the labs."""

import importlib
import sys

from . import errors

name, module = sys.argv[1:3]
del sys.argv[1:3]
errors.run(name, importlib.import_module(f"lab.{module}").command)
