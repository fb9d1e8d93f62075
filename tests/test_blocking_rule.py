"""Nothing that runs on the event loop waits for a disk, a name server, a lock, a process or a reader.

While the loop waits, nothing else runs: no exit, no stop, no answer. So each call that may wait stands here, by the
module or function that makes it, with the reason why the loop does not wait for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import overmind

ROOT = Path(overmind.__file__).parent
# Rooms and modules that run on the loop. `core` and `text` import nothing that could wait, which the rooms' rule holds.
ON_THE_LOOP = (
    *(
        "clock/",
        "journal/",
        "solana/",
        "signals/",
        "views/",
        "venues/",
        "prices/",
        "desk/",
        "sdk/",
        "http/",
        "notices/",
    ),
    *("cli/run.py", "cli/service.py", "cli/submit.py", "cli/ending.py", "cli/unread.py"),
)
FUNCTIONS = {"open", "print", "input", "breakpoint"}
MODULES = {"os", "os.path", "shutil", "subprocess", "fcntl", "socket", "select", "tempfile", "linecache", "traceback"}
QUICK = {"os.getpid", "os.strerror", "os.fsdecode", "socket.socket", "os._exit", "traceback.walk_stack"}
METHODS = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "stat", "lstat", "exists", "is_file", "is_dir"),
    *("iterdir", "glob", "rglob", "mkdir", "unlink", "touch", "chmod", "rmdir", "symlink_to", "resolve"),
    *("execute", "fetchone", "fetchall", "pragma", "wal_checkpoint", "flock", "getaddrinfo", "gethostbyname"),
    *("acquire", "join", "result", "wait"),  # of threads
}
OURS = {
    *("read_file", "write_private", "create_private", "open_regular", "obstacle", "head_of", "load_tape", "open_tape"),
    *("last_service", "find_service", "publish", "withdraw", "token_of_service", "recover", "journal_to_write"),
    *("configure_logging", "stop_logging", "flush_log"),
    *("read_users", "read_tokens", "read_uses", "write_users", "write_tokens", "write_uses", "read_files"),
    *("read_if_changed", "changing", "stamp_of", "hashed", "is_password_of"),
    *("read_records", "write_records", "read_sources", "read_sources_with_keys"),
    *("write_sources", "change_sources"),
}

START = "at the start, which serves nobody yet, and which a signal ends even if it hangs"
JOURNAL_THREAD = "the thread of the journal calls it, or the start"
ASIDE = "a thread calls it, and whoever waits for that has a bound; or the start"
LOG_THREAD = "the thread of the log calls it, or the start"
OWN_THREAD = "it runs in a thread of its own"
KNOWN_SIGNAL = "a thread or another process calls it; the loop only reads the answer to a signal that is known already"
DONE = "a task or future that is done"
LOOKED_ASIDE = "where a desk trades, `StopFileWatch` makes this look in a thread"
BACKUP = "`backup` and `restore` call it, which serve nobody"
MAKE_TASKS = ("create_task", "ensure_future")

# Modules of which nothing is called on the loop while the desk serves.
ELSEWHERE = {
    "desk/answers/progress.py": ASIDE,
    "desk/sources/store.py": ASIDE,
    "desk/watches/clock_reference.py": ASIDE,
    "desk/log/file.py": LOG_THREAD,
    "desk/log/line.py": LOG_THREAD,
    "desk/log/outlet.py": OWN_THREAD,
    "http/access/records.py": ASIDE,
    "http/access/users.py": ASIDE,
    "http/files.py": ASIDE,
    "journal/anchor.py": ASIDE,
    "journal/backup/copying.py": BACKUP,
    "journal/backup/making.py": BACKUP,
    "journal/backup/manifest.py": BACKUP,
    "journal/backup/restoring.py": "`restore` calls it; a desk reads its mark at the start and removes it aside",
    "journal/backup/unfinished.py": BACKUP,
    "journal/segments/archive.py": "`journal archive` calls it, which serves nobody",
    "journal/bars/store.py": "the threads of the historian call it, or its process",
    "journal/bars/replay_process.py": "a process of its own, or the thread of the historian",
    "journal/catalogue/store.py": "the thread of the cataloguer or of a request calls it",
    "journal/database.py": JOURNAL_THREAD,
    "journal/derived.py": "the thread or process that uses the store calls it",
    "journal/segments/keeper_process.py": "a process of its own",
    "journal/free_space.py": ASIDE,
    "journal/kept/store.py": "the process of the keeper, the thread of a request, or a command that serves nobody",
    "journal/key_locks.py": "at the start, and when a wallet is added",
    "journal/lock.py": START,
    "journal/catalogue/past.py": "the thread of a request calls it, or a command that serves nobody",
    "journal/place.py": ASIDE,
    "journal/reserve.py": JOURNAL_THREAD,
    "journal/segments/sealed.py": KNOWN_SIGNAL,
    "journal/segments/sealing.py": "the process of the keeper, and `journal seal`, which serves nobody",
    "journal/segments/segment.py": KNOWN_SIGNAL,
    "journal/segments/shelf.py": KNOWN_SIGNAL,
    "journal/status.py": "`journal status` calls it, which serves nobody",
    "journal/verify.py": "`verify` calls it, which serves nobody",
    "journal/writer.py": JOURNAL_THREAD,
    "notices/memory.py": ASIDE,
    "notices/telegram/offset.py": ASIDE,
    "prices/candles.py": START,
    "venues/depth/reading.py": START,
    "sdk/blocking.py": "it is for threads without a loop",
    "views/statement.py": "`export` calls it, which serves nobody",
}
# Reads of single rows of the journal, on the loop's thread.
ROWS = {
    ("journal/reader.py", "self._db.execute"),
    ("desk/anchorage.py", "head_of"),
    ("journal/sqlite.py", "self._db.execute"),
}
ALLOWED = {
    ("solana/resolver.py", "Resolver._end", "done.result"): DONE,
    ("solana/resolver.py", "look_up", "socket.getaddrinfo"): OWN_THREAD,
    ("cli/ending.py", "Ending._end_by_force", "self._heard.wait"): OWN_THREAD,
    ("cli/ending.py", "Ending._end_by_force", "flush_log"): OWN_THREAD,
    ("cli/service.py", "serve", "journal_to_write"): START,
    ("cli/service.py", "serve", "token_of_service"): START,
    ("cli/submit.py", "_Reader.__init__", "select.poll"): "it asks without waiting",
    ("cli/submit.py", "_standard_input", "os.dup"): START,
    ("cli/submit.py", "_standard_input", "os.fdopen"): START,
    ("cli/submit.py", "submit", "find_service"): START,
    ("cli/submit.py", "submit", "journal_to_write"): START,
    ("cli/unread.py", "_Stream.leave", "open"): "the null device, once the service has ended",
    ("cli/unread.py", "_Stream._takes_more", "select.poll"): "once the service has ended, and it asks without waiting",
    ("cli/unread.py", "_Stream.leave", "os.dup2"): "once the service has ended",
    ("clock/virtual.py", "_JumpingSelector.select", "self._loop.wait"): "virtual time: nothing waits",
    ("desk/engine.py", "Engine.__init__", "recover"): START,
    ("desk/log/setup.py", "require_regular", "obstacle"): START,
    ("journal/known_ids.py", "Pages.next", "self._db.execute"): OWN_THREAD,
    ("desk/log/setup.py", "configure_logging", "stop_logging"): START,
    ("desk/market.py", "connected", "open_tape"): START,
    ("desk/market.py", "open_tape", "load_tape"): START,
    ("desk/watches/stop_file_watch.py", "StopFileWatch._look", "super().exists"): OWN_THREAD,
    (
        "desk/watches/stop_file_watch.py",
        "StopFileWatch.looking",
        "first.wait",
    ): "the first look, for two seconds at most",
    ("desk/watches/stop_file_watch.py", "StopFileWatch.looking.look", "self._ended.wait"): OWN_THREAD,
    ("desk/answers/answers.py", "Answers.look_once", "task.result"): DONE,
    ("desk/submit.py", "read_lines", "next_line.result"): DONE,
    ("desk/submit.py", "read_lines.read", "asyncio.run_coroutine_threadsafe(lines.put(b''), loop).result"): OWN_THREAD,
    ("desk/submit.py", "read_lines.read", "asyncio.run_coroutine_threadsafe(lines.put(line), loop).result"): OWN_THREAD,
    ("http/reference/openapi.py", "_examples", "EXAMPLES.read_text"): OWN_THREAD,
    ("http/pages/assets.py", "own_assets", "STATIC.iterdir"): START,
    ("http/pages/assets.py", "own_assets", "path.read_bytes"): START,
    ("http/pages/showing.py", "Pages._is_new", "kept.result"): DONE,
    ("http/pages/showing.py", "Pages._in_time", "rendering.result"): DONE,
    ("desk/watches/timers.py", "StopFile.exists", "self._path.lstat"): LOOKED_ASIDE,
    ("desk/watches/timers.py", "StopFile.look", "self.exists"): LOOKED_ASIDE,
    ("desk/watches/timers.py", "StopFile.may_exist", "self.exists"): LOOKED_ASIDE,
    ("desk/watches/timers.py", "StopFile.reason", "open"): LOOKED_ASIDE,
    ("desk/watches/timers.py", "StopFile.reason", "os.open"): LOOKED_ASIDE,
    ("desk/watches/supervisor.py", "Supervisor._extend", "self._started.wait"): OWN_THREAD,
    ("desk/watches/watchdog.py", "LoopAlarm._stack", "traceback.format_stack"): OWN_THREAD,
    ("desk/watches/watchdog.py", "LoopAlarm.hung", "flush_log"): OWN_THREAD,
    ("desk/watches/watchdog.py", "_log_last_end", "path.is_file"): START,
    ("desk/watches/watchdog.py", "_log_last_end", "path.read_text"): START,
    ("desk/watches/watchdog.py", "_remove", "os.close"): OWN_THREAD,
    ("desk/watches/watchdog.py", "_remove", "path.unlink"): OWN_THREAD,
    ("desk/watches/watchdog.py", "_within", "thread.join"): "two seconds at most, at the end",
    ("desk/watches/watchdog.py", "ended_by_kernel", "open_regular"): START,
    ("desk/watches/watchdog.py", "watching", "thread.join"): "two seconds at most, at the end",
    ("desk/watches/watchdog.py", "watching.watch", "ended.wait"): OWN_THREAD,
    ("http/access/access.py", "Access.__init__", "read_files"): START,
    ("http/access/access.py", "Access.__init__", "read_uses"): START,
    ("http/hooks/known.py", "_read", "read_sources"): ASIDE,
    ("http/hooks/known.py", "_read", "stamp_of"): ASIDE,
    ("http/hooks/known.py", "_read_if_changed", "stamp_of"): ASIDE,
    ("http/intake.py", "Intake._begin_all", "one.result"): DONE,
    ("http/explainer.py", "Explainer._explain", "saying.result"): DONE,
    ("http/explainer.py", "Explainer._started", "os.getpriority"): "it asks the kernel alone",
    ("http/pages/records/exports.py", "Exports._run", "os.getpriority"): "it asks the kernel alone",
    ("http/pages/records/exports.py", "Exports._run", "os.setpriority"): "it asks the kernel alone",
    ("http/explainer.py", "Explainer._started", "os.setpriority"): "it asks the kernel alone",
    ("http/stream.py", "Streams._live", "coming.result"): DONE,
    ("http/metrics/machine.py", "_size", "path.exists"): ASIDE,
    ("http/metrics/machine.py", "_size", "path.stat"): ASIDE,
    ("journal/sqlite.py", "SqliteJournal._pause_loop", "self._newest_write.acquire"): "a tenth of a millisecond",
    ("journal/sqlite.py", "SqliteJournal._write", "under_way.acquire"): "a new lock, which nobody else has",
    ("sdk/manager.py", "WalletManager.initialize", "task.result"): DONE,
    ("sdk/manager.py", "_open_journal", "config.data_dir.mkdir"): START,
    ("notices/delivery.py", "Delivery._sent", "sending.result"): DONE,
    ("solana/routes/public.py", "PublicRoute.send", "send.result"): DONE,
    ("solana/routes/relay.py", "RelayRoute._hand_over", "send.result"): DONE,
    ("solana/rpc.py", "Rpc._hedged", "task.result"): DONE,
}


def blocking(tree: ast.AST, where: str = "") -> Iterator[tuple[str, str]]:
    """Function and call, for each call that may wait. What is handed to a thread is named there, and not called."""
    for node in ast.iter_child_nodes(tree):
        inner = where
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{where}.{node.name}".lstrip(".")
        awaited = node.value if isinstance(node, ast.Await) else node
        if isinstance(awaited, ast.Call):
            if awaited is node and may_wait(awaited):
                yield where, ast.unparse(awaited.func)
            coroutines = ast.unparse(awaited.func).endswith(MAKE_TASKS)
            for part in ast.iter_child_nodes(awaited):
                yield from blocking(
                    part if coroutines else ast.Expr(part) if isinstance(part, ast.expr) else part, where
                )
        else:
            yield from blocking(node, inner)


def may_wait(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if isinstance(call.func, ast.Name):
        return name in FUNCTIONS | OURS
    if not isinstance(call.func, ast.Attribute) or name in QUICK:
        return False
    owner, method = ast.unparse(call.func.value), call.func.attr
    if method == "join":  # of a text, or of a thread
        return "thread" in owner or not call.args
    if method == "exists" and owner.endswith("stop_file"):  # what a thread has seen
        return False
    return name == "time.sleep" or owner in MODULES or method in METHODS


def found() -> Iterator[tuple[str, str, str]]:
    for file in sorted(ROOT.rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        if name.startswith(ON_THE_LOOP) and name not in ELSEWHERE:
            for where, call in blocking(ast.parse(file.read_text())):
                if not any(name == reader and call.startswith(reads) for reader, reads in ROWS):
                    yield name, where, call


def test_no_call_on_the_event_loop_may_wait() -> None:
    calls = set(found())
    assert calls - ALLOWED.keys() == set(), "make it aside (journal/aside.py), or say why the loop does not wait"
    assert ALLOWED.keys() - calls == set(), "these exist no more: take them off the list"


# A line of an async function, and whether it may hold up the loop.
CALLS = """
Path(name).read_text()                          | yes
open(name)                                      | yes
os.stat(name)                                   | yes
time.sleep(1)                                   | yes
subprocess.run(words)                           | yes
socket.getaddrinfo(host, 80)                    | yes
fcntl.flock(lock, 2)                            | yes
thread.join()                                   | yes
answer.result()                                 | yes
read_file(path)                                 | yes
print("x")                                      | yes
await tell(open(name))                          | yes
await aside.run(partial(withdraw, folder))      | no
await stop.wait()                               | no
asyncio.create_task(stop.wait())                | no
", ".join(names)                                | no
self.stop_file.exists()                         | no
os.getpid()                                     | no
"""


@pytest.mark.parametrize("row", CALLS.strip().splitlines())
def test_the_rule_knows_what_waits(row: str) -> None:
    line, expected = (cell.strip() for cell in row.rsplit("|", 1))
    assert bool([*blocking(ast.parse(f"async def f():\n    {line}"))]) == (expected == "yes")
