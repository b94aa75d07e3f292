"""One module a verb: its options and its body."""
