"""Answers kept for equal questions."""
