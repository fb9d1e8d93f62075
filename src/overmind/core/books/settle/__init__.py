"""Orders in the books: capital held at placement, released at the outcome, booked as it really went.

Nothing here refuses: what a fork took back after it was spent goes to the suspense account.
"""
