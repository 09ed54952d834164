# SPDX-License-Identifier: GPL-2.0-only
"""The labs: cutting students' trees, building submissions, grading by observation.

The commands labs/cut, labs/grade and their like start here, each by a module of
its own.  Read holes.py and tree.py for the cutter; scene.py, observe.py and
judge.py, in this order, for the grader.
"""
