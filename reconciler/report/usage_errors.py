"""What is said where a file, a folder or the command line can't be used as it is?

One function per code, one table at the end; to add a code, copy the nearest function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report import journal_errors, looking_errors, saved_errors, signin_errors, trusted_errors
from reconciler.report.phrases import Facts, count, listing

if TYPE_CHECKING:
    from collections.abc import Callable

# ------------------------------------------------------------ files


def file_of(f: Facts) -> str:
    """Return the file that an error is about, whichever param names it."""
    return f.text("path") if not f.has("file") else f.text("file")


def _reason(f: Facts) -> str:
    """Return why, as the operating system or a parser said it: no capital, no full stop."""
    text = f.text("what") if f.has("what") else f.text("reason")
    head = text[:1].lower() if text[1:2].islower() or text[1:2] == " " else text[:1]
    return f"{head}{text[1:]}".rstrip(".")


def _no_config(f: Facts) -> str:
    path = f.text("path")
    if f.flag("default"):
        return (
            f"there is no {path} in this folder. Go to the folder that holds it, or name another "
            "file with -f."
        )
    return f"{path} does not exist."


def _unreadable_file(f: Facts) -> str:
    return f"{file_of(f)} can't be read: {_reason(f)}."


def _no_libyaml(_: Facts) -> str:
    return "PyYAML was built without libyaml, which this program needs. Install PyYAML from its wheel."


def _cannot_write(f: Facts) -> str:
    return f"{file_of(f)} can't be written: {_reason(f)}."


def _bad_plan(f: Facts) -> str:
    place = f":{f.number('line')}:{f.number('column')}" if f.has("line") else ""
    where = f" at {f.text('at')}" if f.has("at") and f.text("at") != "$" else ""
    return (
        f"{f.text('path')}{place} is not a plan of reconciler{where}: {_reason(f)}. "
        "It was damaged or altered, or is another file. Make one with `reconciler plan --out FILE`."
    )


def _unsupported_plan_version(f: Facts) -> str:
    return (
        f"{f.text('path')} has plan format {f.text('found')}, and this version reads {f.text('supported')}. "
        "Make the plan anew, or use the version of reconciler that made it."
    )


def _bad_snapshot(f: Facts) -> str:
    place = f":{f.number('line')}" if f.has("line") else ""
    where = f" at {f.text('path')}" if f.has("file") and f.has("path") else ""
    return f"{file_of(f)}{place} is not a snapshot that can be used{where}: {_reason(f)}."


def _bad_faults(f: Facts) -> str:
    told = [
        f"{f.text('file')}:{row.number('line')}:{row.number('column')}: {_ended(row.text('what'))}"
        for row in f.rows("problems")
    ]
    return " ".join(told) or f"{f.text('file')} describes no faults that can be used."


def _ended(text: str) -> str:
    return text if text.endswith(("?", ".")) else f"{text}."


def _no_faults(f: Facts) -> str:
    nearest = f" Did you mean {f.text('nearest')}?" if f.has("nearest") else ""
    return (
        f"{f.text('file')} is neither a file nor a preset of faults ({listing(f.names('presets'))}).{nearest}"
    )


def _bad_catalog(f: Facts) -> str:
    reasons = {
        "unreadable": f"it can't be read: {f.text('detail')}",
        "encoding": "it is neither UTF-8 nor Windows-1252 text",
        "csv": "it is not CSV from here on",
        "columns": f"these columns are missing: {', '.join(f.names('missing'))}",
        "row": f"the column {f.text('column')} is empty",
        "guid": f'"{f.text("value")}" in the column {f.text("column")} is not an id',
        "twice": f'"{f.text("value")}" stands there twice',
    }
    place = f":{f.number('line')}" if f.has("line") else ""
    reason = reasons.get(f.text("reason"), f.text("reason"))
    return (
        f"{file_of(f)}{place} can't be used as a catalogue: {reason}. "
        "Take Microsoft's CSV of product names and service plans as it is published."
    )


def _bad_sandbox(f: Facts) -> str:
    return f"the sandbox {file_of(f)} can't be used: {_reason(f)}. `reconciler sandbox reset` makes it anew."


def _sandbox_unwritable(f: Facts) -> str:
    return (
        f"the sandbox {file_of(f)} can't be written: {_reason(f)}. Nothing was changed. Make the file and "
        "its folder writable, or let RECONCILER_HOME name another folder."
    )


def _sandbox_busy(f: Facts) -> str:
    return f"the sandbox {file_of(f)} is being changed by another process. Try again when that is done."


def _home_unusable(f: Facts) -> str:
    return (
        f"the folder {file_of(f)}, for the sandbox and the journal, can't be made: {_reason(f)}. "
        "Let RECONCILER_HOME name a folder that can be written."
    )


def _credentials_exist(f: Facts) -> str:
    return (
        f"{file_of(f)} exists already, and the passwords in it would be lost. "
        "Give `--credentials-out` a new file."
    )


def _credentials_unwritable(f: Facts) -> str:
    return f"{file_of(f)} can't be written: {_reason(f)}. Give `--credentials-out` another file."


def _config_unreadable(f: Facts) -> str:
    return f"{file_of(f)} can't be read: {_reason(f)}. Without the whole desired state nothing is planned."


def _config_folder_empty(f: Facts) -> str:
    return f"the folder {file_of(f)} holds no .yaml or .yml file. Name the right one with -f."


def _port_in_use(f: Facts) -> str:
    return f"port {f.text('port')} of this machine can't be used: {_reason(f)}. Choose another with `--port`."


# ------------------------------------------------------------ tenant and command line


def _wrong_tenant(f: Facts) -> str:
    domains = f" (domains: {listing(f.names('domains'))})" if f.has("domains") else ""
    return (
        f"the desired state is for {f.text('declared')}, and the live tenant is {f.text('name')}, "
        f"{f.text('live')}{domains}. Nothing is planned for another tenant: correct `tenant` in the file, "
        "or sign in to the right one."
    )


def _unknown_actor(f: Facts) -> str:
    if not f.has("upn"):
        return "the snapshot holds no global administrator. Name with `--as UPN` who would apply the plan."
    near = f"; did you mean {f.text('nearest')}?" if f.has("nearest") else "."
    return f"there is no user {f.text('upn')} in this tenant to act as (`--as`){near}"


def _blocked_actor(f: Facts) -> str:
    return f"user {f.text('upn')} (`--as`) is blocked from signing in. Name somebody else who would apply."


def _unknown_group(f: Facts) -> str:
    missing = f'there is no group "{f.text("group")}" in this tenant'
    if f.has("nearest"):
        return f'{missing}; did you mean "{f.text("nearest")}"?'
    return (
        f"{missing}. Names that come near are looked for among groups that hold licences or that the files "
        "name; any other is found by its exact name or its id."
    )


def _ambiguous_group(f: Facts) -> str:
    rows = f.rows("candidates")
    ids = listing([row.text("id") for row in rows], "or")
    return f'{count(len(rows), "group")} have the name "{f.text("group")}"; name one by its id: {ids}.'


def _unknown_target(f: Facts) -> str:
    return (
        f"nothing in the plan is called {f.text('target')} (`--target`). "
        "Give a UPN, or an address as the plan shows it: users/anna@contoso.com/licenses, groups/Sales NL."
    )


def _clock_backwards(_: Facts) -> str:
    return "the sandbox's clock can't go back. `reconciler sandbox reset` begins anew."


USAGE: dict[str, Callable[[Facts], str]] = {
    "ambiguous-group": _ambiguous_group,
    "bad-catalog": _bad_catalog,
    "bad-faults": _bad_faults,
    "bad-plan": _bad_plan,
    "bad-sandbox": _bad_sandbox,
    "bad-snapshot": _bad_snapshot,
    "blocked-actor": _blocked_actor,
    "cannot-write": _cannot_write,
    "clock-backwards": _clock_backwards,
    "config-folder-empty": _config_folder_empty,
    "config-unreadable": _config_unreadable,
    "credentials-exist": _credentials_exist,
    "credentials-unwritable": _credentials_unwritable,
    "home-unusable": _home_unusable,
    "no-config": _no_config,
    "no-faults": _no_faults,
    "no-libyaml": _no_libyaml,
    "port-in-use": _port_in_use,
    "sandbox-busy": _sandbox_busy,
    "sandbox-unwritable": _sandbox_unwritable,
    "unknown-actor": _unknown_actor,
    "unknown-group": _unknown_group,
    "unknown-target": _unknown_target,
    "unreadable-file": _unreadable_file,
    "unsupported-plan-version": _unsupported_plan_version,
    "wrong-tenant": _wrong_tenant,
    **journal_errors.USAGE,
    **looking_errors.USAGE,
    **saved_errors.USAGE,
    **signin_errors.USAGE,
    **trusted_errors.USAGE,
}
"""Code of a UsageError → what is said of it."""
