"""What an administrator asks for and what the plan answers: one folder for each rule.

The folders here are the list of cases. Each holds a desired state (`tenant.yaml`, which begins with the
rule that it shows), a current state (`state.json`, a snapshot whose SKUs are cut down to the service plans
that matter to the rule) and what Reconciler says of the two on 24 November 2026 at 02:00 UTC:

    plan.txt, plan.json     the plan, for people (80 columns, no colour) and for programs
    plan-DAY.txt            the plan of a later day, if nothing changes until then (`--at DAY`)
    problems.txt            instead of a plan: what is wrong with the files
    flags.txt               more options for `plan`, if any; `-f` names files beside tenant.yaml
    command.txt             the command that plans, where it is not `plan`
    users.txt, seats.txt,   what the commands of COMMANDS print about the same tenant, where the rule is
    recoverable.txt         about that
    answers.txt, apply.txt  what a person types when `apply` asks, one line a run, and what those runs print
    story.txt               commands in a sandbox that begins as state.json, and what each prints

To add a case, copy the nearest folder and run with UPDATE_SCENARIOS=1, which writes the answers anew: read
them before you keep them. Every scenario is then put into the sandbox, to hold the laws of a plan on it.
"""

import io
import json
import os
import random
import re
import shlex
import shutil
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from reconciler import __version__, catalog, config, sandbox, schemas
from reconciler.cli import main, session, trusted
from reconciler.cli.migrate_to_group import command as migrate_command
from reconciler.cli.plan import command as plan_command
from reconciler.model import Options
from reconciler.plan import digest_of
from reconciler.planning import look_ahead, make_plan, migrate
from reconciler.report.document import dumps, to_document
from tests.description import Described, Description, beside
from tests.laws.bench import any_order, bench, frozen, runnable, seats, services

HERE = Path(__file__).parent
SCENARIOS = sorted(folder for folder in HERE.iterdir() if (folder / "tenant.yaml").is_file())
PLANNED = [folder for folder in SCENARIOS if not (folder / "problems.txt").exists()]
REWRITE = bool(os.environ.get("UPDATE_SCENARIOS"))

STATE = ("--snapshot", "state.json")
WHEN = ("--at", "2026-11-24T02:00:00Z")
PLANNERS = {"plan": plan_command, "migrate-to-group": migrate_command}
COMMANDS = {
    "users.txt": ("users", "--unlicensed", "-f", "tenant.yaml", *STATE),
    "seats.txt": ("seats", "-f", "tenant.yaml", *STATE),
    "recoverable.txt": ("recoverable", "-f", "tenant.yaml", *STATE, *WHEN),
}


def each(folders):
    """Run a test once for each folder, under its name."""
    return pytest.mark.parametrize("scenario", [pytest.param(path, id=path.name) for path in folders])


@pytest.fixture(autouse=True)
def workdir(tmp_path, monkeypatch, scenario):
    """Work in a copy of the scenario's folder, at a screen of 80 columns without colour."""
    shutil.copytree(scenario, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for name in ("RECONCILER_HOME", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path / "here"


@pytest.fixture
def run(capsys):
    """Run one command line in this process; return exit code, standard output and standard error."""

    def run(*argv):
        capsys.readouterr()
        code = main([str(arg) for arg in argv])
        return code, *capsys.readouterr()

    return run


def words(path, otherwise=""):
    """Return what a file of one command line holds, word by word."""
    return shlex.split(path.read_text(encoding="utf-8") if path.exists() else otherwise)


def flags(scenario):
    """Return the options that a scenario adds to its plan."""
    return words(scenario / "flags.txt")


def command(scenario):
    """Return the command that plans: its name, and what it needs beside options."""
    return words(scenario / "command.txt", "plan")


def plan_of(scenario, *more):
    """Return the command line of a scenario's plan."""
    return *command(scenario), "-f", "tenant.yaml", *STATE, *WHEN, *flags(scenario), *more


def golden(path, actual):
    """Return the answer that a file holds; with UPDATE_SCENARIOS=1 write it first."""
    if REWRITE:
        path.write_text(actual, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def of_this_version(text):
    """Return a plan as this version would have written it: a release alone changes no answer."""
    document = json.loads(text) | {"tool_version": __version__}
    return dumps(document | {"digest": digest_of(document)})


# ------------------------------------------------------------ what it says


@each(SCENARIOS)
def test_what_is_said(scenario, run):
    """The plan, or the problems, are word for word those of the folder; nothing else is printed.

    But a command whose plan can only be carried out from a file says that there is none.
    """
    code, page, told = run(*plan_of(scenario))
    if (scenario / "problems.txt").exists():
        assert (code, page) == (1, "")
        assert told == golden(scenario / "problems.txt", told)
        return
    assert code == 0
    assert bool(told) == (command(scenario) != ["plan"]), told
    assert page == golden(scenario / "plan.txt", page)

    code, text, told = run(*plan_of(scenario, "--json"))
    assert (code, told) == (0, "")
    assert text == of_this_version(golden(scenario / "plan.json", text))


@each([folder for folder in SCENARIOS if any(folder.glob("plan-*.txt"))])
def test_what_is_said_of_later_days(scenario, run):
    """The plan of each later day that the folder holds is word for word what is printed."""
    for path in sorted(scenario.glob("plan-*.txt")):
        code, page, told = run(*plan_of(scenario, "--at", path.stem.removeprefix("plan-")))
        assert (code, told) == (0, "")
        assert page == golden(path, page)


@each([folder for folder in SCENARIOS if any((folder / name).exists() for name in COMMANDS)])
def test_what_the_other_commands_say(scenario, run):
    """The lists that the folder holds are word for word what the commands print."""
    for name, argv in COMMANDS.items():
        if (scenario / name).exists():
            code, page, told = run(*argv)
            assert (code, told) == (0, "")
            assert page == golden(scenario / name, page)


@each(SCENARIOS)
def test_every_scenario_tells_its_rule_and_fits_the_schemas(scenario, run):
    """The input is as published, and so is the plan; the first line of the file says what it shows."""
    assert (scenario / "tenant.yaml").read_text(encoding="utf-8").startswith("# ")
    _fits("snapshot", json.loads((scenario / "state.json").read_text(encoding="utf-8")))
    if scenario in PLANNED:
        _, text, _ = run(*plan_of(scenario, "--json"))
        _fits("plan", json.loads(text))


def _fits(name, document):
    checker = Draft202012Validator(schemas.load(name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [f"{error.json_path}: {error.message}" for error in checker.iter_errors(document)] == []


@each(PLANNED)
def test_a_saved_plan_is_shown_the_same(scenario, run):
    """`show` prints of the published JSON, sentence for sentence, what `plan` printed."""
    _, page, _ = run(*plan_of(scenario, "--out", "saved.json"))
    assert run("show", "saved.json") == (0, page, "")


# ------------------------------------------------------------ the laws


@each(PLANNED)
def test_the_order_of_the_answers_does_not_matter(scenario, workdir, run):
    """Law 3: the snapshot's lists in another order give the same bytes."""
    _, text, _ = run(*plan_of(scenario, "--json"))
    state = json.loads((workdir / "state.json").read_text(encoding="utf-8"))
    chance = random.Random(scenario.name)  # noqa: S311  another order, but the same in each run
    (workdir / "state.json").write_text(json.dumps(_shuffled(state, chance)), encoding="utf-8")
    assert run(*plan_of(scenario, "--json")) == (0, text, "")


def _shuffled(value, chance):
    if isinstance(value, dict):
        return {key: _shuffled(item, chance) for key, item in value.items()}
    if isinstance(value, list):
        return [_shuffled(item, chance) for item in chance.sample(value, len(value))]
    return value


@contextmanager
def on_a_bench(scenario, **more):
    """Yield a sandbox of the scenario's tenant, which plans as the scenario does."""
    name, *arguments = command(scenario)
    options = PLANNERS[name].make_context(name, [*arguments, *flags(scenario)]).params
    state = json.loads((scenario / "state.json").read_text(encoding="utf-8"))
    with bench(state, {}, options["acting_as"] or "sandbox", **more) as tenant:
        for path in (*scenario.glob("*.yaml"), *scenario.glob("*.csv")):
            shutil.copy(path, tenant.home)
        tenant.plan = partial(planned_live, tenant, options)
        yield tenant


def planned_live(tenant, options):
    """Return the plan of the tenant as it is now; of its users only what the files use is read."""
    facts = catalog.load()
    with chdir(tenant.home):
        document = config.read([Path("tenant.yaml"), *options["files"]])
    groups, fields = session.reading(document)
    group = options.get("group")
    current = tenant.directory.read((*groups, *([group] if group else [])), fields)
    chosen = Options(
        now=options["at"] or current.taken_at,
        use_grace=options["use_grace"],
        targets=options["targets"],
        allow=options["allow"],
    )
    desired = config.resolve(document, current.skus, facts)
    with chdir(tenant.home):
        places = trusted.read([Path("tenant.yaml")], options["base_ref"], options["guardrails"])
    baselines = tuple(place.baseline(current.skus, facts) for place in places)
    desired = msgspec.structs.replace(desired, baselines=baselines)
    given = desired, current, tenant.directory.actor(), facts, chosen
    if group:
        return migrate(*given, group)
    horizon = options["horizon"]
    return look_ahead(make_plan(*given), *given, horizon) if horizon else make_plan(*given)


@each(PLANNED)
def test_the_sandbox_plans_as_the_snapshot_does(scenario, workdir, run):
    """What was planned against the file is what is planned against the tenant that it describes."""
    state = json.loads((workdir / "state.json").read_text(encoding="utf-8"))
    (workdir / "state.json").write_text(json.dumps(_as_graph_tells(state)), encoding="utf-8")
    _, text, _ = run(*plan_of(scenario, "--json"))
    with on_a_bench(scenario) as tenant:
        live = to_document(tenant.plan())
    saved = json.loads(text)
    for member in saved:
        assert live[member] == saved[member], member


def _as_graph_tells(state):
    """Leave out what a snapshot can tell and Graph does not, or is not asked for."""
    return {key: value for key, value in state.items() if key not in ("mailboxes", "removals")}


@each(PLANNED)
def test_any_order_is_safe_and_leaves_nothing_to_do(scenario):
    """Laws 1, 4, 5, 8 and 10: in any order that respects `depends_on`, those that buy included.

    Seats in use never exceed what is owned, or was in use before; one write per change and no other;
    what a user has before and after is had in between; afterwards nothing is ready.
    """
    with on_a_bench(scenario) as tenant:
        plan = tenant.plan()
        relicensed = {change.group.id for change in plan.ready if change.kind == "set-group-licenses"}
        before = tenant.directory.read(sorted(relicensed))
        at_first, had = seats(before), services(before)
        tenant.recorder.writes.clear()
        ids, steps = {}, []
        chance = random.Random(scenario.name)  # noqa: S311  any order, but the same in each run
        for change in any_order(list(plan.ready), chance.choice):
            outcome = tenant.write(change, ids)
            assert outcome.status == "done", (change.address, outcome)
            now = tenant.directory.read()
            for sku_id, (owned, in_use) in seats(now).items():
                assert in_use <= max(owned, *at_first.get(sku_id, (0, 0))), (change.address, sku_id)
            steps.append(services(now))

        assert len(tenant.recorder.writes) == len(plan.ready)
        assert tenant.plan().ready == ()
        for user, plans in had.items():
            kept = plans & steps[-1].get(user, frozenset()) if steps else plans
            assert all(kept <= step[user] for step in steps if kept)
        changed = {change.user.id for change in plan.ready if change.user}
        changed.update(*(group.members for group in before.groups if group.id in relicensed))
        after = {user.id: user for user in tenant.directory.read().users}
        assert [user for user in before.users if user.id not in changed and after[user.id] != user] == []


@each(PLANNED)
def test_apply_carries_out_what_is_ready_and_no_more(scenario):
    """Laws 1, 2 and 8 through apply, which buys nothing by itself: then a second apply writes nothing."""
    with on_a_bench(scenario) as tenant:
        plan = tenant.plan()
        results = tenant.apply(plan).results
        assert [row.address for row in results if row.status == "done"] == [c.address for c in runnable(plan)]
        assert {row.status for row in results} <= {"done", "blocked", "left-out", "skipped"}

        writes = len(tenant.recorder.writes)
        tenant.apply(tenant.plan())
        assert len(tenant.recorder.writes) == writes


@beside
@each(PLANNED)
def test_plan_and_apply_make_calls_that_microsoft_describes(scenario):
    """Each request, and each answer of the sandbox, is as in the description of Graph; so in batches."""
    with on_a_bench(scenario, over=partial(Described, description=Description.load())) as tenant:
        run = tenant.apply(tenant.plan())
        assert run.error is None


@each([folder for folder in PLANNED if "--as" in flags(folder)])
def test_the_tenant_refuses_what_the_plan_does_not_permit(scenario):
    """Law 9: a change that the actor's roles don't allow is refused by the tenant too, with 403."""
    with on_a_bench(scenario) as tenant:
        refused = [change for change in tenant.plan().changes if not change.permitted]
        assert refused
        for change in refused:
            outcome = tenant.write(change, {})
            assert (outcome.status, outcome.http_status) == ("failed", 403), (change.address, outcome)


# ------------------------------------------------------------ the prompt


class Keyboard(io.StringIO):
    """A terminal's input, at which somebody types one line; what is typed is seen on the screen."""

    def __init__(self, line, screen):
        super().__init__(line)
        self._screen = screen

    def isatty(self):
        """Say that somebody sits there."""
        return True

    def readline(self, *size):
        """Return what was typed, and show it."""
        line = super().readline(*size)
        self._screen.write(line)
        return line


@each([folder for folder in SCENARIOS if (folder / "answers.txt").exists()])
def test_what_apply_asks(scenario, monkeypatch):
    """The prompt lists what would be lost and asks for its number; another answer changes nothing."""
    monkeypatch.setattr(sandbox, "app", partial(sandbox.app, clock=frozen))
    sandbox.load(Path(".reconciler"), Path("state.json"), clock=frozen)
    shown = []
    for answer in (scenario / "answers.txt").read_text(encoding="utf-8").splitlines(keepends=True):
        screen = io.StringIO()
        monkeypatch.setattr("sys.stdin", Keyboard(answer, screen))
        with redirect_stdout(screen), redirect_stderr(screen):
            code = main(["apply", "-f", "tenant.yaml", *flags(scenario)])
        _, _, asked = screen.getvalue().partition((scenario / "plan.txt").read_text(encoding="utf-8"))
        shown.append(f"$ reconciler apply\n{asked}(exit code {code})\n")
    page = re.sub(r"\b\d{8}-\d{6}-\w{4}\b", "RUN", "\n".join(shown))
    assert page == golden(scenario / "apply.txt", page)


# ------------------------------------------------------------ from day to day


@each([folder for folder in SCENARIOS if (folder / "story.txt").exists()])
def test_what_happens_from_day_to_day(scenario, monkeypatch, run):
    """What hangs on earlier runs is told as a story: what each command prints in one sandbox."""
    for name in ("app", "load", "advance"):
        monkeypatch.setattr(sandbox, name, partial(getattr(sandbox, name), clock=frozen))
    sandbox.load(Path(".reconciler"), Path("state.json"))
    told = []
    for line in (scenario / "story.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            program, *argv = shlex.split(line.removeprefix("$ "))
            assert program == "reconciler", line
            code, page, notices = run(*argv)
            told.append(f"{line}\n{page}{notices}(exit code {code})\n")
    page = re.sub(r"\b\d{8}-\d{6}-\w{4}\b", "RUN", "\n".join(told))
    assert page == golden(scenario / "story.txt", page)
