"""The settings: all `EPOCHAL_*` environment variables, read once at each entry point."""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .access import LARGEST_QUOTA
from .base import fault

PREFIX = "EPOCHAL_"


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """The networks of a comma-separated text. Raises `ValueError` when one is none."""
    return [ip_network(one.strip()) for one in text.split(",") if one]


def hosts(text: str) -> list[str]:
    """The names of hosts of a comma-separated text as requests have them: an IPv6 address in brackets."""
    names = (one.strip().removeprefix("[").removesuffix("]") for one in text.split(","))
    return sorted({f"[{name}]" if ":" in name else name for name in names if name})


def _of_hosts(text: str, info: ValidationInfo) -> str:
    if not all(re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]", name) for name in hosts(text)):
        says = "must be names of hosts, without https:// and without ports: lab.example.org,10.0.0.1"
        raise fault(info.field_name or "", says)
    return text


def _of_networks(text: str) -> str:
    networks(text)
    return text


def _certificate_checked(url: str) -> str:
    """The address of a broker; of a Redis with TLS, kombu checks the certificate only when it is asked to."""
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"


def _unambiguous(url: str, info: ValidationInfo) -> str:
    """An address of a server whose user and password have no letter that ends them too early.

    Libraries read such an address each in its own way, and look for a server whose name is a part of the password. The
    error does not repeat it.
    """
    for one in re.split(r";(?=amqps?://)", url):  # brokers that stand in for each other
        if not re.match(r"(postgresql|rediss?:|amqps?:)", one):
            continue  # it is a file, or a socket
        if not _is_address(one):
            says = "must be SCHEME://USER:PASSWORD@HOST:PORT/NAME; in a user or password, write"
            raise fault(info.field_name or "", f"{says} @ / : ? # % [ as %40 %2F %3A %3F %23 %25 %5B")
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read now
    except ValueError:
        return False
    after_host = (parts.path, parts.query.partition("=")[0], parts.fragment)
    return parts.netloc.count("@") <= 1 and not any("@" in part for part in after_host)


def _begins_with(*schemes: str) -> AfterValidator:
    """An address that begins with one of these, or none. The error does not repeat it: it may have a password."""

    def checked(url: str, info: ValidationInfo) -> str:
        if url and not url.startswith(schemes):
            raise fault(info.field_name or "", f"must begin with {', '.join(schemes[:-1])} or {schemes[-1]}")
        return url

    return AfterValidator(checked)


Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """The addresses and limits of a process. `Settings.read()` reads them once; values are passed on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Folder of the embedded stack: record, files, logs, sockets.")] = Path(
        ".epochal"
    )
    database_url: Annotated[
        str,
        _begins_with("postgresql+psycopg://", "postgresql://", "sqlite:"),
        AfterValidator(_unambiguous),
        Field(description="The record: sqlite:///... or postgresql+psycopg://... Default: SQLite in home."),
    ] = ""
    broker_url: Annotated[
        str,
        _begins_with("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://"),
        AfterValidator(_unambiguous),
        AfterValidator(_certificate_checked),
        Field(description="The doorbell: redis://..., redis+socket://... or amqp://... Default: embedded Valkey."),
    ] = ""
    files_url: Annotated[
        str, Field(description="Models, checkpoints, data sets: file:///... or s3://... Default: files in home.")
    ] = ""
    mlflow_url: Annotated[
        str,
        _begins_with("http://", "https://", "unix:///"),
        Field(description="The MLflow server that curves are mirrored to: http://..., or unix:///... for a socket."),
    ] = ""
    mlflow_public_url: Annotated[
        str, Field(description="MLflow as a browser reaches it. Default: /mlflow of public_url.")
    ] = ""
    public_url: Annotated[
        str, Field(description="The API and its page as a browser reaches them, for links; without a path.")
    ] = ""

    host: Annotated[str, Field(description="Address that the API listens on (embedded stack).")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port of the API; 0: any free one.")] = 8000

    trusted_hosts: Annotated[
        str,
        AfterValidator(_of_hosts),
        Field(description="More host names that the API answers to, comma-separated, beside localhost and host."),
    ] = ""

    trusted_proxies: Annotated[
        str,
        AfterValidator(_of_networks),
        Field(
            description="Networks of proxies whose X-Forwarded-For is believed: 10.0.0.5,10.1.0.0/16. Default: none."
        ),
    ] = ""

    url: Annotated[str, Field(description="URL of the API, for the client. Default: from endpoints.json in home.")] = ""
    token: Annotated[str, Field(description="Bearer token, for the client and for the first migration.")] = ""
    metrics_token: Annotated[
        str, Field(description="Token that reads /metrics: python -m store migrate makes sure that it exists.")
    ] = ""
    pod: Annotated[
        str, Field(description="Name of this worker's pod: it writes there how much it trains (Helm sets it).")
    ] = ""

    pack_limit: Annotated[
        int,
        Field(ge=0, le=65_536, description="Maximum members of a pack; 0: by device and memory, 1: no packs."),
    ] = 0
    devices: Annotated[
        str, Field(description="Devices of a worker: auto, cpu, cpu:4 (four slots), cuda, or cuda:0,cuda:1.")
    ] = "auto"
    data_quota_mib: Annotated[
        int, Field(ge=0, le=2**40, description="Maximum size of one owner's data sets, uploads and tables, in MiB.")
    ] = 16_384
    disk_reserve_mib: Annotated[
        int,
        Field(
            ge=0,
            le=2**30,
            description="MiB kept free for running jobs: with less, no job or upload is accepted, and no job started.",
        ),
    ] = 64
    lessons: Annotated[
        str, Field(description="A folder with more lessons, YAML files as in examples/lessons, for the page.")
    ] = ""
    upload_kept_s: Annotated[
        float, Field(gt=0, description="Seconds without new data after which an unfinished upload is deleted.")
    ] = 86_400.0
    lease_s: Annotated[float, Field(gt=0, description="Seconds until a lease ends that is not renewed.")] = 30.0
    owner_running_limit: Annotated[
        str,
        Field(
            pattern=r"^(auto|[0-9]{1,9}|0\.[0-9]*[1-9][0-9]*|[1-9][0-9]?(\.[0-9]+)?%|100%)$",
            description="Maximum running jobs per owner, 0: any; or share of the slots, 0.75 or 75%; auto: "
            "an owner leaves one slot while another waits.",
        ),
    ] = "auto"
    time_slice_s: Annotated[
        float,
        Field(
            ge=0,
            le=1e9,
            allow_inf_nan=False,
            description="Seconds after which running jobs give their slot to another owner whose jobs wait; 0: never.",
        ),
    ] = 600.0
    gpu_weight: Annotated[
        float,
        Field(
            gt=0,
            le=1e6,
            allow_inf_nan=False,
            description="What an hour of a GPU counts in fair share, in hours of a CPU slot.",
        ),
    ] = 1.0
    owner_queued_limit: Annotated[
        int, Field(ge=0, le=LARGEST_QUOTA, description="Maximum queued jobs per owner; 0: any.")
    ] = 0
    queue_limit: Annotated[
        int, Field(ge=0, le=LARGEST_QUOTA, description="Maximum queued jobs of all owners; 0: any.")
    ] = 1_000_000
    checkpoint_s: Annotated[
        float,
        Field(gt=0, description="Seconds between checkpoints of a job; after each epoch if one takes longer."),
    ] = 60.0
    stall_s: Annotated[float, Field(gt=0, description="Seconds without progress after which a trainer is killed.")] = (
        600.0
    )
    stop_s: Annotated[
        float,
        Field(
            ge=5.0,
            le=3600.0,
            description="Seconds in which a worker that is told to stop saves its jobs, gives them back, and ends.",
        ),
    ] = 20.0
    webhook_private: Annotated[
        bool, Field(description="Whether webhooks may be sent to private addresses, such as localhost.")
    ] = False
    failpoints: Annotated[
        str,
        Field(
            pattern=r"^((submitted|rung|published)(,(submitted|rung|published))*)?$",
            description="For tests only: failpoints at which this process kills itself.",
        ),
    ] = ""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level logged.")] = (
        "INFO"
    )

    @model_validator(mode="after")
    def _page_is_at_a_root(self) -> Self:
        if "/" in self.public_url.partition("://")[2].rstrip("/"):
            raise fault("public_url", "must have no path: the page works at the root of a host name only")
        return self

    @model_validator(mode="after")
    def _defaults_in_home(self) -> Self:
        home = self.home.absolute()
        derived = {
            "home": home,
            "database_url": self.database_url or f"sqlite:///{quote(str(home / 'epochal.db'))}",
            "files_url": self.files_url or (home / "files").as_uri(),
            "mlflow_public_url": self.mlflow_public_url
            or (f"{self.public_url.rstrip('/')}/mlflow" if self.public_url else ""),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        return self

    @property
    def database_file(self) -> Path | None:
        """The file of the record; None where it is on a database server."""
        kind, _, path = self.database_url.partition(":///")
        return Path(unquote(path.partition("?")[0])) if kind.startswith("sqlite") else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values that `read` passes: the environment is read there, once."""
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings of this process. Raises `BadSettingsError` for an unknown name or a bad value."""
        unknown = sorted(
            name
            for name in environ
            if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in cls.model_fields
        )
        if unknown:
            known = ", ".join(PREFIX + name.upper() for name in cls.model_fields)
            raise BadSettingsError(f"unknown: {', '.join(unknown)}. Known: {known}")
        values = {
            name: environ[PREFIX + name.upper()] for name in cls.model_fields if environ.get(PREFIX + name.upper())
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            from .validation_errors import sentences  # it imports the job, which no process needs that has no error

            first = sentences(error, values)[0]
            raise BadSettingsError(f"{PREFIX}{first.path.upper()} {first.message}") from error


class BadSettingsError(ValueError):
    """An EPOCHAL_* environment variable is unknown or has an invalid value."""
