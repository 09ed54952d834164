# SPDX-License-Identifier: GPL-2.0-only
"""The nested machine: what nested/run is made of.

main.py is the story from the command line to the exit status; start there.
Below it: options (command line), kernels and image (what boots), payload
(what goes in), bochs, saved and qemu (the engines), frames and console (what
comes out), session (the loop over all of it).  Only the standard library of
Python 3.11 is used.
"""
