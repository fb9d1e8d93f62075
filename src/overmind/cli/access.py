"""`overmind users` and `overmind tokens`: who may do what over HTTP, also while the desk does not run."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import typer

from overmind.cli import present
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.offline import record_on_disk
from overmind.cli.opening import AsJson, DataDir, absolute, data_dir_of
from overmind.cli.reasons import BY_OPERATOR, cli_author, refuse_blank
from overmind.cli.remote import call_service
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.config.files import FileText, InvalidValue, read_file
from overmind.http.access.administration import NewToken, TokenRow, UserRow
from overmind.http.access.changes import (
    Change,
    add_token,
    add_user,
    change_password,
    change_role,
    remove_user,
    revoke_token,
)
from overmind.http.access.names import fault_of_name, fault_of_source_of, role_named
from overmind.http.access.records import change_tokens, change_users, read_tokens, read_users, read_uses
from overmind.http.access.tokens import Token, digest_of, new_secret
from overmind.http.access.users import PASSWORD_MAX, User, fault_of_password, hashed

STANDARD_INPUT: Final = Path("-")

users_cli = typer.Typer(
    help="Show or change who may log in, and with which role.\n\n"
    "Roles: read, signal, operate, admin. Each may do what the one before it may, and more.",
    add_completion=False,
    rich_markup_mode=None,
)
tokens_cli = typer.Typer(
    help="Show, make or revoke the tokens of programs.\n\n"
    "Roles: read, signal, operate, admin. Each may do what the one before it may, and more.",
    add_completion=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="1 to 64 letters, digits, dots, _ and -.")]
RoleName = Annotated[str, typer.Option("--role", help="read, signal, operate or admin.")]
Why = Annotated[str, typer.Option("--reason", help="Your reason, which is journaled.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the password; - is the standard input. Default: it is asked for."),
]


@users_cli.command("list")
def list_users(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the users and their roles."""
    users = read_users(data_dir_of(data_dir)).values()
    rows = [UserRow(one.name, one.role, one.changed_at, one.changed_by) for one in users]
    if as_json:
        present.emit_json(rows)
    elif not rows:
        present.say("no users; overmind users add NAME --role admin adds the first")
    else:
        shown = ((row.name, row.role, row.changed_at, row.changed_by) for row in rows)
        present.table("users", ("name", "role", "changed", "by"), shown)


@users_cli.command("add")
def add(
    name: Name,
    role: RoleName,
    password_file: PasswordFile = None,
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add a user. The password is asked for and not shown."""
    _refuse(fault_of_name(name))
    directory, wanted, password = data_dir_of(data_dir), _role(role), _password(password_file)
    body = {"reason": reason, "name": name, "role": wanted, "password": password}
    if not _by_service(directory, "/v1/users", body):
        user = User(name, wanted, hashed(password), _now(), cli_author())
        _change_users(directory, add_user(user), reason)
    _tell(as_json, f"{name} may log in, with the role {wanted}", name=name, role=wanted)


@users_cli.command("remove")
def remove(name: Name, reason: Why = BY_OPERATOR, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Remove a user. Their sessions end."""
    directory = data_dir_of(data_dir)
    if not _by_service(directory, f"{_path('users', name)}/remove", {"reason": reason}):
        _change_users(directory, remove_user(name), reason)
    _tell(as_json, f"{name} is removed", name=name)


@users_cli.command("password")
def password(
    name: Name,
    password_file: PasswordFile = None,
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user another password. Their sessions end."""
    directory, wanted = data_dir_of(data_dir), _password(password_file)
    if not _by_service(directory, f"{_path('users', name)}/password", {"reason": reason, "password": wanted}):
        _change_users(directory, change_password(name, hashed(wanted), _now(), cli_author()), reason)
    _tell(as_json, f"{name} has another password", name=name)


@users_cli.command("role")
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="read, signal, operate or admin.")],
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give a user another role."""
    directory, wanted = data_dir_of(data_dir), _role(role)
    if not _by_service(directory, f"{_path('users', name)}/role", {"reason": reason, "role": wanted}):
        _change_users(directory, change_role(name, wanted, _now(), cli_author()), reason)
    _tell(as_json, f"{name} has the role {wanted}", name=name, role=wanted)


@tokens_cli.command("list")
def list_tokens(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the tokens, their roles, and when each was used last."""
    directory = data_dir_of(data_dir)
    uses, tokens = read_uses(directory), read_tokens(directory).values()
    rows = [TokenRow(one.name, one.role, one.made_at, one.made_by, uses.get(one.name), one.source) for one in tokens]
    if as_json:
        present.emit_json(rows)
    elif not rows:
        present.say("no tokens but the desk's own; overmind tokens add NAME --role signal adds one")
    else:
        shown = (
            (row.name, row.role, row.source or "-", row.made_at, row.made_by, row.last_used_at or "never")
            for row in rows
        )
        present.table("tokens", ("name", "role", "source", "made", "by", "last used"), shown)


@tokens_cli.command("add")
def new_token(
    name: Name,
    role: RoleName,
    source: Annotated[
        str, typer.Option("--source", help="It sends the signals of this source and hears of them, and no more.")
    ] = "",
    reason: Why = BY_OPERATOR,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a token. Its secret is shown this once."""
    _refuse(fault_of_name(name) or fault_of_source_of(role, source))
    directory, wanted = data_dir_of(data_dir), _role(role)
    refuse_blank(reason)
    body = {"reason": reason, "name": name, "role": wanted, "source": source}
    answer = call_service(directory, "/v1/tokens", body)
    if answer is not None:
        made = NewToken(name, wanted, str(answer["secret"]))
    else:
        secret = new_secret().reveal()
        token = Token(name, wanted, digest_of(secret.encode()).hex(), _now(), cli_author(), source)
        _change_tokens(directory, add_token(token), reason)
        made = NewToken(name, wanted, secret)
    if as_json:
        present.emit_json(made)
    else:
        present.say(f"{name} has the role {wanted}. Keep its token, which is not shown again:")
        present.say(made.secret)


@tokens_cli.command("revoke")
def revoke(name: Name, reason: Why = BY_OPERATOR, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Revoke a token. Open answers to it end."""
    directory = data_dir_of(data_dir)
    if not _by_service(directory, f"{_path('tokens', name)}/revoke", {"reason": reason}):
        _change_tokens(directory, revoke_token(name), reason)
    _tell(as_json, f"{name} is revoked", name=name)


def _by_service(directory: Path, path: str, body: Mapping[str, object]) -> bool:
    """Whether a service runs, which has then done it."""
    refuse_blank(str(body["reason"]))
    return call_service(directory, path, body) is not None


def _change_users(directory: Path, change: Change[User], reason: str) -> None:
    change.of(read_users(directory))  # What is refused is not journaled.
    record_on_disk(directory, change.action, change.about, reason)
    change_users(directory, change)


def _change_tokens(directory: Path, change: Change[Token], reason: str) -> None:
    change.of(read_tokens(directory))
    record_on_disk(directory, change.action, change.about, reason)
    change_tokens(directory, change)


def _password(file: Path | None) -> str:
    if file == STANDARD_INPUT:
        typed = sys.stdin.readline(PASSWORD_MAX + 2).rstrip("\n")
    elif file is not None:
        read = read_file(absolute(file) or file)
        if not isinstance(read, FileText):
            present.complain(f"{file}: {read.problem}", read.fix)
            raise typer.Exit(BAD_INPUT)
        typed = read.text.rstrip("\n")
    elif not sys.stdin.isatty():
        present.complain("nobody can be asked for the password", "give it with --password-file; - reads it from a pipe")
        raise typer.Exit(BAD_INPUT)
    else:
        typed = getpass.getpass("password: ")
        if getpass.getpass("again: ") != typed:
            present.complain("the two passwords differ", "type the same twice")
            raise typer.Exit(BAD_INPUT)
    _refuse(fault_of_password(typed))
    return typed


def _role(text: str) -> str:
    role = role_named(text)
    _refuse(role)
    assert not isinstance(role, InvalidValue), role
    return role.name.lower()


def _refuse(found: object) -> None:
    if isinstance(found, InvalidValue):
        present.complain(found.problem, found.fix)
        raise typer.Exit(BAD_INPUT)


def _path(kind: str, name: str) -> str:
    return f"/v1/{kind}/{quote(name, safe='')}"


def _now() -> str:
    return iso_seconds(SystemClock().now_ns())


def _tell(as_json: bool, said: str, **fields: str) -> None:
    if as_json:
        present.emit_json(fields)
    else:
        present.say(said)
