"""Figures: arrays and tables → a matplotlib figure and the table of what it shows."""
