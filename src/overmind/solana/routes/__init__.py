"""How a signed transaction reaches the chain.

The rule: a route carries bytes and says nothing about what becomes of them. Only the signature's status on the chain
does. The same bytes may be carried any number of times, and by the route of the journaled order alone.
"""
