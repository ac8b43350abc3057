"""Asks for one retraining: at most one a cooldown, one at a time, within a budget, whatever runs beside it or dies.

Run as `python -m mlplatform.runtime request ask` by hand, and `... settle` at the end of a training. The drift job asks
in its own process, by the same gate.
"""
