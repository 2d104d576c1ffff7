"""One typed tree of settings: ``config.toml`` of a home, then environment variables, then flags (design D2, D13).

Environment variables are ``XINGLIN_`` and the path with double underscores: ``XINGLIN_STORAGE__MAP_GIB=128``.
Secrets are never settings: the passphrase of the key store comes from a file or a prompt.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from xinglin.kernel.errors import Invalid, NotFound

CONFIG_NAME = "config.toml"
MAX_NAMED_PEERS = 200
"""As many as an engine takes connections from."""
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})", re.ASCII)
_TLS = "https://"
_PEER = re.compile(r"[0-9a-f]{40}", re.ASCII)
_MAX_PORT = 65_535
_BINARY = "xinglin_engine"


class SettingsInvalid(Invalid):
    """``config.toml`` or an environment variable is not a valid setting."""

    code, number, clause = "settings.invalid", 6001, "S6.3b"
    en = "The setting {setting} of {home} is not valid: {reason}."
    zh = "{home} 的设置 {setting} 无效：{reason}。"
    hint_en = "See docs/guide/settings.md for the settings of a home."
    hint_zh = "节点目录的设置见 docs/guide/settings.md。"


class HomeNotFound(NotFound):
    """The folder is not a home."""

    code, number, clause = "home.not_found", 6002, "S6.3b"
    en = "{home} is not a home of Xinglin: it has no config.toml."
    zh = "{home} 不是杏林的节点目录：其中没有 config.toml。"
    hint_en = (
        "Make one with 'xinglin init', or name another with --home. "
        "What 'xinglin member apply' made is a home after 'xinglin member join'."
    )
    hint_zh = (
        "用 xinglin init 创建，或用 --home 指定其他目录。"
        "xinglin member apply 所建目录在 xinglin member join 之后才是节点目录。"
    )


def _check_place(place: str) -> None:
    found = _PLACE.fullmatch(place)
    if found is None or int(found["port"]) > _MAX_PORT:
        raise ValueError("it is not HOST:PORT")


def _check_peer(peer: str) -> None:
    name, _, place = peer.partition("@")
    if not _PEER.fullmatch(name):
        raise ValueError("it is not ID@HOST:PORT, the id 40 hexadecimal digits in lower case")
    _check_place(place)


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainSettings(_Group):
    """A chain that this home keeps."""

    id: str = Field(description="The chain's id.", pattern=r"^[cps][a-z2-7]{26}$")
    engine: Literal["embedded", "group", "cometbft"] = Field(
        "embedded",
        description="Who makes blocks: this home alone, a group of homes opened together, or CometBFT, one process of "
        "which runs beside each member's node.",
    )


class PrivateChainSettings(_Group):
    """The private chain, whose blocks this home makes alone."""

    id: str = Field(description="The chain's id.", pattern=r"^p[a-z2-7]{26}$")


class EngineGroup(_Group):
    """The home's CometBFT, where it makes the consortium's blocks."""

    p2p_listen: str = Field("127.0.0.1:26656", max_length=300, description="Host and port for other members' engines.")
    rpc_listen: str = Field(
        "127.0.0.1:26657", max_length=300, description="Host and port of its RPC, on loopback: only the node asks it."
    )
    external_address: str = Field(
        "", max_length=300, description="Host and port under which others reach `p2p_listen`; empty if it is the same."
    )
    timeout_commit_ms: int = Field(
        100, ge=1, le=10_000, description="Milliseconds from a block to the beginning of the next; alike on all nodes."
    )
    timeout_propose_ms: int = Field(
        1_000, ge=50, le=60_000, description="Milliseconds that a proposal is waited for: what a dead proposer costs."
    )
    keep_blocks: int = Field(
        0,
        ge=0,
        le=1 << 40,
        description="How many of the newest blocks the engine keeps for nodes that catch up; 0 for all. Never fewer "
        "than 100,000 or than those of 48 hours, for which evidence of double signing counts. A new or rebuilt node "
        "needs all of them: some members of a consortium have to keep all.",
    )
    restart_stagger_seconds: float = Field(
        12.0,
        ge=0.0,
        le=600,
        description="Engines that are restarted while blocks come, because a peer is gone or is not dialled, take "
        "turns by the clock, so many seconds each: longer than a restart and what clocks differ, alike on all nodes.",
    )
    rate_bytes: int = Field(
        100_000_000,
        ge=1024,
        le=1 << 40,
        description="Bytes a second that one connection to another member's engine may send, and as many receive.",
    )
    serves_snapshots: bool = Field(True, description="Whether nodes that join or rebuild get snapshots from this one.")
    peers: tuple[str, ...] = Field(
        (),
        max_length=MAX_NAMED_PEERS,
        description="Other members' engines, as `ID@HOST:PORT`, that are dialled and let in until this node has caught "
        "up, whether or not the chain knows them as far as it has it; then the registry alone decides.",
    )

    @field_validator("peers")
    @classmethod
    def _peers(cls, peers: tuple[str, ...]) -> tuple[str, ...]:
        for peer in peers:
            _check_peer(peer)
        return tuple(dict.fromkeys(peers))


class StorageSettings(_Group):
    """Where and how much is stored."""

    map_gib: int = Field(64, ge=1, le=65536, description="Size of each chain's sparse map in GiB; it stops at 80 %.")
    backup_days: int = Field(
        35, ge=0, le=36500, description="For how many days backups are kept; certificates of destruction say it."
    )
    alarm_days: int = Field(
        30, ge=0, le=36500, description="An alarm is given when a chain's map or the disk is 80 % full in fewer days."
    )


class IntakeSettings(_Group):
    """How records are taken in."""

    max_bundle_mib: int = Field(128, ge=1, le=2048, description="Largest bundle file in MiB.")
    batch_items: Literal[1, 2, 4, 8, 16, 32, 64, 128, 256] = Field(
        256, description="Records in one batch, at most: a power of two, to which batches are padded."
    )
    audience: str = Field("treatment", pattern=r"^[a-z][a-z0-9_.-]{0,63}$", description="Audience of locators.")


class AnchoringSettings(_Group):
    """How soon the private chain is anchored on the consortium chain, while its home serves readers."""

    interval_seconds: float = Field(
        2.0,
        ge=0.1,
        le=4.0,
        description="Seconds between two looks at whether the private chain has grown; with the block that takes the "
        "anchor, entries are anchored within 5 s.",
    )


class RetentionSettings(_Group):
    """How long records are kept: never shorter than the law says."""

    inpatient_years: int = Field(30, ge=30, le=1000, description="Years after the patient's last discharge.")
    outpatient_years: int = Field(15, ge=15, le=1000, description="Years after the patient's last visit.")
    types: dict[str, int] = Field(
        {}, description="Longer terms for FHIR types, in years, whatever the stay: `{Immunization = 50}`."
    )

    @field_validator("types")
    @classmethod
    def _bounded(cls, types: dict[str, int]) -> dict[str, int]:
        if max(types.values(), default=0) > 1000:
            raise ValueError("a term has more than 1000 years")
        return types


class ListenerSettings(_Group):
    """Where a running node (`xinglin serve`) listens besides the local socket of its home, and what it bears."""

    listen: str = Field(
        "",
        max_length=300,
        description="Host and port for other members and clients, as `192.0.2.1:7700` or `[::1]:7700`; empty for none.",
    )
    metrics: str = Field(
        "", max_length=300, description="Host and port for Prometheus and health checks; empty for none."
    )
    submissions: bool = Field(
        True, description="Whether others may submit transactions through this node; its own user always may."
    )
    requests: int = Field(64, ge=1, le=4096, description="Requests in hand at once; more are told to come again.")
    connections: int = Field(512, ge=1, le=65_536, description="Connections at once; more are refused.")
    source_requests: float = Field(
        50.0,
        gt=0,
        le=1_000_000,
        description="Requests a second from one address, on average; four times as many in one second.",
    )
    request_seconds: float = Field(
        10.0, ge=0.5, le=600, description="Seconds in which a request has to be there, head and body."
    )
    commit_seconds: float = Field(
        20.0,
        ge=0.1,
        le=600,
        description="Seconds that a submission is waited for, before it is answered as unknown yet.",
    )

    members: tuple[str, ...] = Field(
        (),
        max_length=64,
        description="Host and port of each other member's node, as its `listen` is reached from here, or "
        "`https://HOST:PORT` where it is behind a TLS proxy: they are asked for cosignatures and probed. Which "
        "member's node it is, its answers show by signature.",
    )
    ca_file: str = Field(
        "",
        max_length=4096,
        pattern=r"^(/.*)?$",
        description="File (PEM, its whole path) of the certificate authorities by which `https` members are believed, "
        "instead of the system's.",
    )

    @field_validator("listen", "metrics")
    @classmethod
    def _place(cls, place: str) -> str:
        if place:
            _check_place(place)
        return place

    @field_validator("members")
    @classmethod
    def _places(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            _check_place(place.removeprefix(_TLS))
        return tuple(dict.fromkeys(places))


class CosigningSettings(_Group):
    """How often a running node asks other members' nodes to cosign a checkpoint of the consortium chain."""

    interval_blocks: int = Field(
        20,
        ge=2,
        le=1_000_000,
        description="Multiples of it are the heights that are cosigned; rounded up to a multiple of the chain's own "
        "interval. Alike on all nodes, so that all collect for the same heights.",
    )
    interval_seconds: float = Field(
        2.0, ge=0.1, le=3_600, description="Seconds between two heights that are cosigned, at least."
    )
    requests_per_minute: int = Field(
        60, ge=1, le=100_000, description="Checkpoints and cosignatures that one other member gets a minute, at most."
    )


class FreshnessSettings(_Group):
    """How old the newest block of the consortium chain may be."""

    stale_seconds: float = Field(
        10.0,
        ge=3.0,
        le=600,
        description="Older than this, the node takes no submission and permits no read that rests on a consent "
        "(`chain.stale`). An idle chain has a block every 2 s.",
    )


class LinksSettings(_Group):
    """How the links to other members' nodes are watched, and from what on there is an alarm."""

    interval_seconds: float = Field(5.0, ge=0.1, le=600, description="Seconds between two probes of a link.")
    round_trip_ms: int = Field(1_000, ge=1, le=60_000, description="Alarm above this median round-trip, ms.")
    loss_percent: int = Field(20, ge=1, le=100, description="Alarm from this share of the last 20 probes lost on.")
    lag_blocks: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Alarm when the other node is more heights behind this one, or before it.",
    )
    clock_seconds: float = Field(
        3.0,
        ge=0.1,
        le=3_600,
        description="Alarm when this machine's clock is further from the middle of the other members' nodes' clocks.",
    )


class Settings(BaseSettings):
    """Everything that a home can be told."""

    model_config = SettingsConfigDict(
        env_prefix="XINGLIN_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    member: str = Field(description="The member that owns this home.", pattern=r"^[a-z2-7]{26}$")
    node: str = Field(description="The id of this node.", pattern=r"^[a-z2-7]{26}$")
    name: str = Field("", max_length=200, description="The member's name, for people.")
    consortium: ChainSettings = Field(description="The consortium chain.")
    engine: EngineGroup = Field(EngineGroup(), description="CometBFT, where it makes the consortium's blocks.")
    private: PrivateChainSettings | None = Field(None, description="The institution's private chain.")
    storage: StorageSettings = Field(StorageSettings(), description="Storage.")
    intake: IntakeSettings = Field(IntakeSettings(), description="Intake of records.")
    anchoring: AnchoringSettings = Field(AnchoringSettings(), description="Anchoring of the private chain.")
    retention: RetentionSettings = Field(RetentionSettings(), description="Retention of records.")
    listener: ListenerSettings = Field(ListenerSettings(), description="Listening of a running node.")
    cosigning: CosigningSettings = Field(CosigningSettings(), description="Cosigning of checkpoints between nodes.")
    freshness: FreshnessSettings = Field(FreshnessSettings(), description="Freshness of the consortium chain.")
    links: LinksSettings = Field(LinksSettings(), description="Links to other members' nodes.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        if isinstance(env_settings, EnvSettingsSource):
            # XINGLIN_ENGINE names the engine's binary: it is no setting of the group of that name.
            env_settings.env_vars = {name: text for name, text in env_settings.env_vars.items() if name != _BINARY}
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(home: Path) -> Settings:
    """Return the settings of a home.

    Raises:
        HomeNotFound: there is no ``config.toml``.
        SettingsInvalid: the file is not TOML, or a value is not valid.
    """
    path = home / CONFIG_NAME
    if not path.is_file():
        raise HomeNotFound(home=str(home))

    class _Of(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return _Of()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(home=str(home), setting=where or CONFIG_NAME, reason=first["msg"]) from None
    except SettingsError:
        raise SettingsInvalid(home=str(home), setting="XINGLIN_*", reason="a variable is not JSON") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise SettingsInvalid(home=str(home), setting=CONFIG_NAME, reason="the file is not TOML") from None
