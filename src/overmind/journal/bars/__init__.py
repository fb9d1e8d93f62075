"""Bars of equity, PnL and prices beside the journal, for charts. They follow from the entries and can be made anew."""
