"""What is wrong with an installation, as a user of its API sees it, and as a machine of it does."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from spec import VERSION
from spec.findings import CLOCKS_S, FINDINGS, Finding, clock_differs, ok, warning, wrong
from spec.meant import meant
from spec.settings import PREFIX, BadSettingsError, Settings

from .client.transport import is_here
from .stack.file_system import network_warning
from .stack.home import Home
from .stack.services import broker_url, python

ANSWERS_S = 5.0
"""Longest that a service may take to say that it lives."""
PATIENCE_S = 30.0
"""Longest that it may take for the rest: on a busy machine the API's description takes seconds."""
PROGRAM_S = 120.0


def examine(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at the settings, the API and what is behind it; and at the rest, as far as this machine can reach it."""
    settings, good, found = settings_of(environ)
    home = Home(settings.home)
    found += _services(home)
    endpoints = home.up()
    url = (settings.url or (endpoints.api if endpoints else "")).rstrip("/")
    token = settings.token or (endpoints.token if endpoints and endpoints.api == url else "")
    if url:
        found += _api(url, token)
    record = settings.database_file
    if reaches_record := record is None or record.exists():
        broker = home.path / "valkey.sock"
        embedded = {f"{PREFIX}BROKER_URL": broker_url(broker)} if broker.exists() else {}
        found += _program("record", ("store", "doctor"), embedded | good)
        if on_network := network_warning(settings):
            found.append(on_network)
    found += _program("devices", ("worker.doctor",), good)
    if not (url or reaches_record):
        found.append(
            wrong(
                "API",
                "No installation is known here.",
                "Start one with `epochal up`, or set EPOCHAL_URL and EPOCHAL_TOKEN to one that runs.",
            )
        )
    return found


def settings_of(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str], list[Finding]]:
    """The settings without those that are typed wrong, the variables that are good, and what is wrong with the rest."""
    good, found = dict(environ), list[Finding]()
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
        del good[name]
        near = meant(name, known, cutoff=0.8)
        fix = f"Did you mean {near}?" if near else "Remove it: docs/operations.md lists all settings."
        found.append(wrong("settings", f"{name} is no setting: no service starts with it.", fix))
    while True:
        try:
            settings = Settings.read(good)
        except BadSettingsError as error:
            name = str(error).partition(" ")[0]
            del good[name]
            about = Settings.model_fields[name.removeprefix(PREFIX).lower()].description or ""
            found.append(wrong("settings", f"{error}.", about))
        else:
            break
    if not found:
        given = sum(name in good for name in known)
        found.append(ok("settings", f"{given} are set, and each is one that is known."))
    return settings, good, found


def _services(home: Home) -> Iterator[Finding]:
    """The services of the embedded stack, if one is up here."""
    if home.owner() is None:
        return
    for service in home.services():
        if service.state == "stopped":
            yield wrong("stack", f"{service.name} has stopped.", f"Its log says why: {service.log}")
        elif service.state == "starting":
            yield warning(
                "stack", f"{service.name} is still starting.", f"Look again in a moment. Its log: {service.log}"
            )
        elif service.restarts:
            yield warning("stack", f"{service.name} was restarted {service.restarts} times.", f"Its log: {service.log}")
    yield ok("stack", f"{len(home.services())} services of {home.path} were looked at.")


def _api(url: str, token: str) -> Iterator[Finding]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        client = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S, trust_env=not is_here(url))
    except (httpx.InvalidURL, ValueError) as error:  # the token may have letters that no header has
        yield wrong("API", f"EPOCHAL_URL or EPOCHAL_TOKEN cannot be sent: {error}", "Type it again.")
        return
    with client:
        try:
            began = time.time()
            alive = client.get("/healthz", timeout=ANSWERS_S)
            took_s = time.time() - began
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield wrong("API", f"{url} does not answer: {error}", "Start it, or correct EPOCHAL_URL.")
            return
        if not alive.is_success:
            refused = (
                "Add this name to EPOCHAL_TRUSTED_HOSTS of the API." if alive.status_code == 400 else "See its log."
            )
            yield wrong("API", f"{url} answers {alive.status_code} to /healthz.", refused)
            return
        yield ok("API", f"{url} answers within {1000 * took_s:.0f} ms.")
        try:
            yield from _clock(alive, began + took_s / 2)
            yield from _behind(client, token)
        except (httpx.HTTPError, ValueError) as error:  # it ended, or it is another program's server
            yield wrong("API", f"{url} does not answer as it should: {error}", "Look at its log, or at EPOCHAL_URL.")


def _behind(client: httpx.Client, token: str) -> Iterator[Finding]:
    """What the API says of itself, of this user, and of what is behind it. Raises what httpx does, and `ValueError`."""
    yield from _version(_json(client, "/openapi.json"))
    yield from _readiness(client.get("/readyz"))
    if not token:
        yield wrong("token", "None is known.", "Set EPOCHAL_TOKEN; an administrator makes one for you.")
        return
    who = client.get("/api/v1/session")
    if who.status_code == httpx.codes.UNAUTHORIZED:
        yield wrong("token", "The API does not know it: it is wrong, revoked or expired.", "Get another token.")
        return
    if not who.is_success:
        yield wrong("token", f"The API answers {who.status_code} to it.", "Get another token.")
        return
    signed_in = who.json()
    role = "an administrator" if signed_in.get("admin") else "a user"
    yield ok("token", f"It belongs to {signed_in.get('owner')}, {role}.")
    yield from _workers(client)
    yield from _mlflow(client)


def _clock(answer: httpx.Response, sent_at: float) -> Iterator[Finding]:
    said = answer.headers.get("Date")
    if not said:
        return
    ahead_s = parsedate_to_datetime(said).timestamp() + 0.5 - sent_at  # it has whole seconds
    if abs(ahead_s) > CLOCKS_S:
        fix = "Let NTP set both: jobs are safe, but times mislead."
        yield clock_differs("The API's clock", ahead_s, "this machine's", fix)


def _version(description: Mapping[str, Any] | None) -> Iterator[Finding]:
    version = (description or {}).get("info", {}).get("version")
    if version is None:
        yield wrong("version", "What answers there is no API of Epochal.", "Correct EPOCHAL_URL.")
    elif version != VERSION:
        says = f"The API is release {version}, and this command is {VERSION}."
        yield warning("version", says, "Install the same release here.")
    else:
        yield ok("version", f"API and command are release {version}.")


def _readiness(answer: httpx.Response) -> Iterator[Finding]:
    if answer.is_success:
        yield ok("jobs", "They can be submitted.")
        return
    checks = answer.json().get("checks", {}) if "json" in answer.headers.get("Content-Type", "") else {}
    bad = "; ".join(f"{name}: {says}" for name, says in checks.items() if says != "ok")
    yield wrong("jobs", f"None can be submitted. {bad}", "Mend what is named there.")


def _workers(client: httpx.Client) -> Iterator[Finding]:
    found: Sequence[Mapping[str, Any]] = (_json(client, "/api/v1/workers") or {}).get("workers", [])
    for worker in found:
        says = f"{worker['id']} on {worker['host']}: {', '.join(worker['devices'])}; {worker['free_slots']} slots free."
        yield ok("worker", says)
    if not found:
        yield warning("worker", "None is up.", "Start one: `epochal worker`, or `epochal up` on one machine.")


def _mlflow(client: httpx.Client) -> Iterator[Finding]:
    try:
        answer = client.get("/mlflow/version")
    except httpx.HTTPError as error:
        yield wrong("MLflow", f"It does not answer through the API: {error}", "Look at its log.")
        return
    if answer.is_success:
        yield ok("MLflow", f"Release {answer.text.strip()[:20]} answers at {client.base_url.join('/mlflow/')}.")
    elif answer.status_code == httpx.codes.FORBIDDEN:
        yield ok("MLflow", "This token may not see it.")
    else:
        says = f"The API answers {answer.status_code} for it: {_detail(answer)}"
        yield wrong(
            "MLflow", says, "Start MLflow, or correct EPOCHAL_MLFLOW_URL of the API. Training goes on without it."
        )


def _detail(answer: httpx.Response) -> str:
    is_problem = "json" in answer.headers.get("Content-Type", "")
    return str(answer.json().get("detail", "")) if is_problem else answer.text[:100]


def _json(client: httpx.Client, path: str) -> Any:
    """What is there; None when it is no JSON, or refused. Raises what httpx does."""
    answer = client.get(path)
    try:
        return answer.json() if answer.is_success else None
    except ValueError:
        return None


def _program(part: str, module: tuple[str, ...], environ: Mapping[str, str]) -> list[Finding]:
    """The findings of a program of the service: this package may not open the record, or import PyTorch."""
    command = python(*module)
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, timeout=PROGRAM_S, check=False)
    except subprocess.TimeoutExpired:
        return [wrong(part, f"`python -m {' '.join(module)}` did not end in {PROGRAM_S:.0f} s.", "Run it by hand.")]
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        says = f"`python -m {' '.join(module)}` failed: {lines[-1] if lines else f'status {done.returncode}'}"
        return [wrong(part, says, "Install the whole of Epochal here (`make install`), or run it by hand to see more.")]
    return FINDINGS.validate_json(done.stdout)
