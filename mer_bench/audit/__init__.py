"""Whether published scores can come from a confusion matrix: exact search over integer matrices.

`docs/audit.md` argues why each verdict is complete.
"""
