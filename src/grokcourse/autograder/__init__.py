"""Exercises and their grading: one list of exercises, hidden tests, and a student's code on either side of a wall."""

from .check import check

__all__ = ["check"]
