"""Transfers of capital: between our wallets, and out of the desk."""
