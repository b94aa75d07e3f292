"""How certain scores are: intervals, comparisons and luck, with the subject as the unit."""
