"""From a data source to the arrays that a method takes as input: the one package that joins databases and vision."""
