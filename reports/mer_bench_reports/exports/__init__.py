"""Stored results in the formats of other places: leaderboards, competitions, tables. Each is a pure function.

A format is a module with a function from `ExportedRow` (or a `Protocol`) to the contents of files; `write_files` of
`exported` writes them.
"""
