"""From a data source to the arrays that a method eats: the one room that joins databases and vision."""
