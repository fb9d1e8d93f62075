"""Bugs of what tells people and hears them: somebody else is obeyed, a stop is not told, or a secret is."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

JUDGING: Final = "notices/telegram/judging.py"
CHAT: Final = "notices/telegram/chat.py"
OBEYED: Final = "tests/notices/telegram/test_judging.py::test_who_is_obeyed"
SAID: Final = "tests/notices/telegram/test_chat.py::"
TOLD: Final = "tests/notices/test_notices.py::"

NOTICES: Final = (
    Mutation(
        "notices: a user who is not listed is obeyed",
        JUDGING,
        "    if sender is None or sender.id not in settings.users:\n",
        "    if sender is None:\n",
        OBEYED,
    ),
    Mutation(
        "notices: a listed user is obeyed in any group",
        JUDGING,
        "    if not (chat.type == PRIVATE and chat.id == sender.id) and chat.id not in settings.chats:\n",
        "    if chat.type == PRIVATE and chat.id != sender.id:\n",
        OBEYED,
    ),
    Mutation(
        "notices: an old command is obeyed",
        JUDGING,
        "    if fate is Fate.COMMAND and abs(now_s - message.date) > AGE_MAX_S:\n",
        "    if fate is Fate.COMMAND and abs(now_s - message.date) > 24 * 3_600 * AGE_MAX_S:\n",
        OBEYED,
    ),
    Mutation(
        "notices: an old stop is not obeyed",
        JUDGING,
        "    if fate is Fate.COMMAND and abs(now_s - message.date) > AGE_MAX_S:\n",
        "    if abs(now_s - message.date) > AGE_MAX_S:\n",
        OBEYED,
    ),
    Mutation(
        "notices: a stop is lifted by chat",
        "notices/telegram/acting.py",
        '                return NO_LIFT.format(command="reactivate" if command == "reactivate" else "resume")\n',
        "                from overmind.core.model.commands import ReactivateWallet\n\n"
        "                for wallet in [*engine.state.wallets]:\n"
        "                    await engine.handle(ReactivateWallet(wallet, BY_CHAT))\n"
        "                return NO_LIFT.format(command=command)\n",
        f"{SAID}test_nothing_is_lifted_or_sold_by_chat",
    ),
    Mutation(
        "notices: a command is done before its number is on disk",
        CHAT,
        "            elif one.fate is Fate.COMMAND and not kept:\n",
        "            elif one.fate is Fate.COMMAND and not kept and not self._bot:\n",
        f"{SAID}test_what_is_next_is_on_disk_before_a_command_is_done",
    ),
    Mutation(
        "notices: a restart does a command again",
        CHAT,
        "        new = [update for update in updates if update.update_id >= expected]\n",
        "        new = [update for update in updates if update.update_id >= min(expected, 1)]\n",
        f"{SAID}test_a_restart_does_nothing_a_second_time",
    ),
    Mutation(
        "notices: the token stands in a line of the log",
        "notices/telegram/bot_api.py",
        "            raise TelegramSilent(type(fault).__name__) from None\n",
        '            raise TelegramSilent(f"{url}: {type(fault).__name__}") from None\n',
        "tests/notices/telegram/test_bot_api.py::test_a_server_that_hangs_or_is_gone_is_silent",
    ),
    Mutation(
        "notices: the queue before a target has no bound",
        "notices/outbox.py",
        "self._dropped() if len(self._waiting) >= self._most else None",
        "self._dropped() if len(self._waiting) < 0 else None",
        "tests/notices/test_outbox.py::test_it_never_holds_more_than_its_bound",
    ),
    Mutation(
        "notices: a critical one is dropped before others",
        "notices/outbox.py",
        "(one for one in self._waiting if not one.is_critical)",
        "(one for one in self._waiting if one.is_critical)",
        "tests/notices/test_outbox.py::test_the_oldest_that_is_not_critical_is_dropped",
    ),
    Mutation(
        "notices: a critical one that nobody took is forgotten",
        "notices/confirmed.py",
        "            self._waiting.add(notice)\n",
        "            self._waiting.discard(notice)\n",
        f"{TOLD}test_a_critical_notice_that_nobody_took_is_told_again_under_its_id",
    ),
    Mutation(
        "notices: a restart tells again what is not critical",
        "notices/notices.py",
        "            if entry.seq <= seen and ",
        "            if entry.seq < 0 and ",
        f"{TOLD}test_a_critical_notice_that_nobody_took_is_told_again_under_its_id",
    ),
    Mutation(
        "notices: a stopped desk pings as if it traded",
        "notices/pinging.py",
        "    if stop:\n",
        "    if stop and reasons:\n",
        "tests/notices/test_pinging.py::test_states_and_pings",
    ),
)
