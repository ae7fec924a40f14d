"""Tracks that leave the house: GPX files, and the privacy zones cut out of them."""
