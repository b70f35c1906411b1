"""Costs nothing."""

NAME = "light"
