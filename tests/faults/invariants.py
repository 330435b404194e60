"""What has to hold after every run, whatever went wrong in it?

I1 seats at every instant, I2 nothing but the plan, I3 nobody protected, nothing inherited, I4 each change
once and never again without a look, I5 no gap in a swap, I7 the record is the truth, I8 what is not known
is said. (I6, convergence, takes another plan: campaign.py.) A breach is a text; none is an empty list.
"""

import json

from reconciler import journal
from tests.faults import scene
from tests.faults.truth import Truth

CERTAIN = ("dns", "refused", "connect-timeout", "tls")
"""Faults after which the request certainly never left."""

AMBIGUOUS = frozenset(
    {"reset-sending", "reset", "timeout", "cut", "redirect", "html", "empty", "truncated", "not-json"}
    | {"missing-answer", "408", "409", "429", "500", "502", "503", "504"}
)
"""Faults that leave open what became of a write."""

_READS = ("get", "bin", "group-state", "members", "member-of")


def breaches(layer, approved, run, journal_path):
    """Return what does not hold after a run of an approved plan."""
    made = by_change([commit for commit in layer.commits if commit.ours], approved)
    return [
        *held(layer.commits, approved),
        *_looked(layer),
        *_recorded(made, run, journal_path),
        *_said(run),
        *foreign(layer),
    ]


def held(commits, approved):
    """Return what does not hold of the writes themselves, whatever became of who sent them: I1 to I5."""
    made = by_change([commit for commit in commits if commit.ours], approved)
    return [*_replayed(commits, approved), *_planned(approved, made), *_once(made)]


def _replayed(commits, approved):
    """I1, I3 and I5, at every instant."""
    truth = Truth()
    owned = {sku: max(seats, truth.in_use(sku)) for sku, seats in scene.SEATS.items()}
    swaps = {
        change.user.id: ({one.sku_id for one in change.revoke}, {one.sku_id for one in change.assign})
        for change in approved.ready
        if change.kind == "set-licenses" and change.revoke and change.assign and change.user.id
    }
    protected = {scene.user_id(name) for name in scene.PROTECTED}
    for commit in commits:
        call = commit.call
        target = truth.id_of(call.object or "")
        if commit.ours and target in protected:
            yield f"I3: {call.method} {call.path} changes somebody who is protected"
        if commit.ours and call.kind == "assign":
            for sku in (call.content or {})["removeLicenses"]:
                if sku not in truth.direct[target]:
                    yield f"I3: {call.path} takes {sku}, which the user does not hold directly"
        truth.carry(commit)
        for sku, seats in owned.items():
            if truth.in_use(sku) > seats:
                yield f"I1: {truth.in_use(sku)} users hold {sku} after {call.path}, of {seats} seats"
        for user, (old, new) in swaps.items():
            if not truth.held(user) & (old | new):
                yield f"I5: {truth.upns[user]} holds neither the old nor the new licence after {call.path}"


def by_change(ours, approved):
    """Return address → commits, and under None those that are no change's."""
    ids = {change.user.upn: change.user.id for change in approved.changes if change.user and change.user.id}
    for commit in ours:
        if commit.call.kind == "create":
            upn = commit.call.content["userPrincipalName"].lower()
            ids.setdefault(upn, commit.reply.content["id"].lower())
    upns = {user: upn for upn, user in ids.items()}
    made = {None: []} | {change.address: [] for change in approved.changes}
    for commit in ours:
        if commit.call.kind != "reprocess":
            made.setdefault(_address(commit.call, upns), []).append(commit)
    return made


_OF_USERS = {"assign": "/licenses", "patch": "/profile", "delete": "", "restore": "/restore"}


def _address(call, upns):
    """Return the address of the change that a write belongs to, None where there is none such."""
    group = next((name for name in scene.GROUPS if scene.group_id(name) == call.object), None)
    if call.kind in _OF_USERS:
        return f"users/{upns.get(call.object, call.object)}{_OF_USERS[call.kind]}"
    if call.kind == "create":
        return f"users/{call.content['userPrincipalName'].lower()}"
    if call.kind == "group-assign":
        return f"groups/{group}/licenses"
    if call.kind in ("join", "leave"):
        member = call.path.split("/")[-2] if call.kind == "leave" else call.content["@odata.id"]
        member = member.rpartition("/")[2].lower()
        return f"groups/{group}/members/{upns.get(member, member)}"
    return None


def foreign(layer):
    """I3: no token goes to another host."""
    for call in layer.seen:
        if call.root not in ("https://sandbox.invalid", "https://sandbox.invalid:443"):
            yield f"I3: the token went to {call.root}"


def _planned(approved, made):
    """I2: every commit is a ready change of the plan, and has its content."""
    ready = {change.address: change for change in approved.ready}
    for address, commits in made.items():
        for commit in commits:
            change = ready.get(address)
            if change is None:
                yield f"I2: {commit.call.method} {commit.call.path} is not in the plan"
            elif commit.call.kind in ("assign", "group-assign"):
                body = json.loads(commit.call.body)
                added = {row["skuId"]: tuple(row["disabledPlans"]) for row in body["addLicenses"]}
                planned = {one.sku_id: one.disabled_plans for one in (*change.assign, *change.modify)}
                if added != planned or body["removeLicenses"] != [one.sku_id for one in change.revoke]:
                    yield f"I2: {commit.call.path} does not do what {address} says"


def _once(made):
    """I4: at most one commit for each change."""
    for address, commits in made.items():
        if len(commits) > 1:
            yield f"I4: {address} was carried out {len(commits)} times"


def _looked(layer):
    """I4: what may have been carried out is not sent again before somebody looked; what was done, never."""
    struck = {}
    for rule, call in layer.strikes:
        struck.setdefault(id(call), []).append(rule.kind)
    carried = {id(commit.call) for commit in layer.commits}
    outer, doubtful, done = None, {}, set()
    for call in layer.seen:
        if call.item is None:
            outer = call
        if call.method == "GET" and call.kind in _READS:
            for key in [key for key in doubtful if _shows(call, key)]:
                del doubtful[key]
        if not call.writes or call.kind == "reprocess":
            continue
        key = (call.method, call.path, _plain(call))
        if key in doubtful:
            yield f"I4: {call.method} {call.path} was sent again after {doubtful[key]} without a look"
        if key in done:
            yield f"I4: {call.method} {call.path} was sent again although it was done"
        faults = [*struck.get(id(call), ()), *(struck.get(id(outer), ()) if call.item is not None else ())]
        doubt = next((kind for kind in faults if kind in AMBIGUOUS), None)
        if doubt:
            doubtful[key] = doubt
        elif id(call) in carried and not faults:
            done.add(key)


def _plain(call):
    """Return a body without the password, which is another one each time."""
    told = call.content
    return json.dumps({name: told[name] for name in told if name != "passwordProfile"}) if told else ""


def _shows(read, key):
    """Tell whether a read shows what became of a write."""
    _, path, body = key
    names = {part for part in path.lower().split("/") if part}
    told = json.loads(body) if body else {}
    names |= {
        told[name].rpartition("/")[2].lower() for name in ("userPrincipalName", "@odata.id") if name in told
    }
    return read.object in names


def _recorded(made, run, journal_path):
    """I7: what the run tells is what happened, and the journal tells the same."""
    for result in run.results:
        count = len(made.get(result.address, ()))
        reached = result.status == "failed" and result.code == "member-errors"
        if result.status == "done" and not count:
            yield f"I7: {result.address} is told as done and was not carried out"
        if count and not reached and result.status not in ("done", "unknown", "unsettled"):
            yield f"I7: {result.address} was carried out and is told as {result.status} ({result.code})"
    written = {one.address: one.status for one in journal.runs(journal_path)[-1].results}
    if written != {one.address: one.status for one in run.results}:
        yield "I7: the journal does not tell what the run tells"


def _said(run):
    """I8: where an outcome is not known, exit code 5, and each such change is named with a reason."""
    open_ = [one for one in run.results if one.status in ("unknown", "unsettled")]
    carried = all(one.carried for one in run.results)
    wanted = 5 if open_ else 0 if carried else 4
    if run.exit_code != wanted:
        yield f"I8: exit code {run.exit_code}, not {wanted}"
    yield from (f"I8: {one.address} is {one.status} for no reason" for one in open_ if not one.code)
