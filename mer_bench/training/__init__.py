"""Training of networks: one fold, or a stack of folds side by side."""
