"""Fits what trading costs to recorded fills, and tests the fit on fills it has not seen. Pure, but for writing a file.

Statistics are floats: nothing here books or gates.
"""
