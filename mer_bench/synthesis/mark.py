"""The file by which made-up data is known."""

from __future__ import annotations

MARK_FILE = "SYNTHETIC.txt"
"""Readers call data synthetic that has a file of this name; every folder that could be used alone has one."""
