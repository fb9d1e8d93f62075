"""Exits: which positions are due to be sold without a signal, and how every sale is placed."""
