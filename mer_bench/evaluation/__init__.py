"""From a protocol and a data source to rows, folds and cells, and how one cell is computed."""
