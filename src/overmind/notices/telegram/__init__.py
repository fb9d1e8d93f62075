"""Hears commands of listed people by Telegram, and answers them. Whatever a stop or a pause holds is never lifted here.

long poll → judged (who, where, how old) → /stop at once | the others in turn → answers, one after the other
"""
