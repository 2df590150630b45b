"""`emporium mail`: the mails that were sent without an SMTP server."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.local.errors import LocalError
from server.local.home import mailbox

app = typer.Typer(name="mail", help="Show the mails that were sent without an SMTP server.")


@app.callback(invoke_without_command=True)
def list_(context: typer.Context, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """List the mails in the home, the newest first; `emporium mail show` prints one."""
    context.default_map = {"show": {"home": home}}
    if context.invoked_subcommand:
        return
    lines = [
        f"{each.id}  {each.message['To']}  {each.message['Subject']}"
        for each in mailbox.listed(mailbox.folder(home))
    ]
    Console().print("\n".join(lines) or "no mails", soft_wrap=True, markup=False, highlight=False)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="[ID]", help="As listed.")] = "",
    last: Annotated[bool, typer.Option("--last", help="The newest; also without an ID.")] = False,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Print one mail, the newest unless an id says which."""
    if id_ and last:
        raise LocalError("an ID and --last name two mails", "Leave one of them out.")
    mail = _found(mailbox.listed(mailbox.folder(home)), id_, home)
    headers = [f"{name}: {mail.message[name]}" for name in ("Date", "From", "To", "Subject")]
    body = mail.message.get_body(("plain",))
    content = str(body.get_content() if body else "").replace("\r\n", "\n")
    text = "\n".join([*headers, "", content])
    Console().print(text, soft_wrap=True, markup=False, highlight=False)


def _found(mails: list[mailbox.StoredMail], id_: str, home: Path) -> mailbox.StoredMail:
    for mail in mails:
        if id_ in ("", mail.id):
            return mail
    raise LocalError(
        f"there is no mail {id_}" if id_ else f"there are no mails in {home}",
        "`emporium mail` lists those that there are.",
    )
