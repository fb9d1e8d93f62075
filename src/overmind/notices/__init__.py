"""Tells people what the journal says, and hears what they want. It is never on the way of a trade.

The desk knows nothing of this room. It follows the committed entries as the log does, and gives commands to the engine
as everybody else does. Whatever hangs here (a target, Telegram, a ping) holds up this room alone.
"""
