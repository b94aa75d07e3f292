"""Logging of the values of trainings while they run, for people who watch."""
