"""From a protocol and a data source to rows, folds and cells, and one cell at work."""
