"""Training of networks, fold by fold."""
