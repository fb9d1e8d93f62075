"""Which messages are obeyed. User 1 is listed, chat -7 is listed, the bot is called desk_bot."""

from __future__ import annotations

import pytest

from overmind.config.notices import TelegramSettings
from overmind.config.secrecy import Secret
from overmind.notices.telegram.judging import AGE_MAX_S, Judged, judged
from overmind.notices.telegram.wire import Chat, Message, Sender

NOW_S = 1_700_000_000
SETTINGS = TelegramSettings(Secret("t"), frozenset({1}), frozenset({-7}), Secret("u"))

# from | chat | its type | age in seconds | text | fate | command | rest
TABLE = f"""
1    | 1  | private    | 0     | /status               | command   | status  |
1    | 1  | private    | 0     | /STATUS               | command   | status  |
1    | 1  | private    | 0     | /why  s-1             | command   | why     | s-1
1    | 1  | private    | 0     | /pause w1 too  hot    | command   | pause   | w1 too hot
1    | 1  | private    | {AGE_MAX_S} | /pause w1       | command   | pause   | w1
1    | 1  | private    | {AGE_MAX_S + 1} | /pause w1   | old       | pause   | w1
1    | 1  | private    | 86400 | /status               | old       | status  |
1    | 1  | private    | -61   | /pause w1             | old       | pause   | w1
1    | 1  | private    | 0     | /stop                 | stop      | stop    |
1    | 1  | private    | 86400 | /stop fire            | stop      | stop    | fire
1    | 1  | private    | -999  | /stop                 | stop      | stop    |
1    | 1  | private    | 0     | /stop!                | stop      | stop    | !
1    | 1  | private    | 0     | /stop\\nnow            | stop      | stop    | now
1    | 1  | private    | 0     | /Stop@desk_bot fire   | stop      | stop    | fire
1    | -7 | supergroup | 0     | /stop@Desk_Bot        | stop      | stop    |
1    | -7 | supergroup | 0     | /stop@other_bot       | talk      |         |
1    | -7 | group      | 0     | /status               | command   | status  |
1    | 1  | private    | 0     | stop                  | talk      |         |
1    | 1  | private    | 0     | please /stop          | talk      |         |
1    | 1  | private    | 0     | /                     | talk      |         |
1    | 1  | private    | 0     | /stopping             | command   | stopping |
1    | 1  | private    | 0     | /stop_all             | command   | stop_all |
1    | 1  | private    | 0     |                       | talk      |         |
1    | -8 | supergroup | 0     | /stop                 | elsewhere |         |
1    | -8 | group      | 0     | /status               | elsewhere |         |
1    | 1  | group      | 0     | /status               | elsewhere |         |
1    | 2  | private    | 0     | /status               | elsewhere |         |
2    | 2  | private    | 0     | /stop                 | stranger  |         |
2    | -7 | supergroup | 0     | /stop                 | stranger  |         |
2    | 1  | private    | 0     | /stop                 | stranger  |         |
-    | -7 | channel    | 0     | /stop                 | stranger  |         |
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_who_is_obeyed(row: str) -> None:
    sender, chat, kind, age, text, fate, command, rest = (cell.strip() for cell in row.split("|"))
    who = None if sender == "-" else Sender(int(sender))
    message = Message(NOW_S - int(age), Chat(int(chat), kind), who, text.replace("\\n", "\n"))
    found = judged(message, SETTINGS, "desk_bot", NOW_S)
    assert (found.fate, found.command, found.rest) == (fate, command, rest)


def test_while_the_bots_name_is_not_known_a_stop_for_any_bot_counts() -> None:
    message = Message(NOW_S, Chat(-7, "group"), Sender(1), "/stop@whoever")
    assert judged(message, SETTINGS, "", NOW_S) == Judged("stop", "stop", "", 1, -7)
