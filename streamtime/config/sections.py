"""The structs of the configuration: every key with its type, bounds, default and description.

`server.py` and `accounts.py` have the larger sections. `load.py` reads values into these structs; `documents.py`
writes `config.example.toml` and the tables of `docs/configuration.md` from them.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.accounts import AccountsConfig
from streamtime.config.server import EventsConfig, ServerConfig, UploadsConfig
from streamtime.config.values import ByteCount, DailyHours, MemoryBudget, PublicUrl, Seconds
from streamtime.hls.ladder import DEFAULT_CRF, DEFAULT_RUNGS

MIB = 2**20
GIB = 2**30
DAY = 86400


class S3Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An S3 bucket and its connection. It is used if `endpoint` and `bucket` are set."""

    endpoint: Annotated[
        PublicUrl,
        Meta(description="URL of the S3 server, with `https://` or `http://`."),
    ] = PublicUrl("")
    bucket: Annotated[str, Meta(description="The bucket; it must exist. It can be shared, see `prefix`.")] = ""
    region: Annotated[
        str, Meta(min_length=1, description="The region of the bucket; many self-hosted servers accept any.")
    ] = "us-east-1"
    access_key: Annotated[str, Meta(description="The access key id, with read and write access to the bucket.")] = ""
    secret_key: Annotated[str, Meta(description="The secret access key.", extra={"secret": True})] = ""
    prefix: Annotated[
        str,
        Meta(
            description=(
                "All object keys begin with this and a slash, so that several servers can share a bucket. It must not "
                "change while the bucket contains videos."
            )
        ),
    ] = ""
    path_style: Annotated[
        bool,
        Meta(
            description=("Address the bucket in the path of URLs; false puts it into the host name, as AWS recommends.")
        ),
    ] = True
    public_endpoint: Annotated[
        PublicUrl,
        Meta(
            description="URL at which browsers reach the S3 server, for presigned URLs; empty if they cannot.",
        ),
    ] = PublicUrl("")
    redirect_public: Annotated[
        bool,
        Meta(
            description=(
                "Redirect browsers to `public_endpoint` for segments of public videos, by short-lived presigned URLs, "
                "instead of serving them from this server."
            )
        ),
    ] = False
    read_back: Annotated[
        bool,
        Meta(
            description=(
                "Read every object back and compare it before the copy on disk is deleted. False relies on the S3 "
                "server's checksum of the upload, which saves traffic costs."
            )
        ),
    ] = True
    part_size: Annotated[
        ByteCount,
        Meta(
            ge=5 * MIB,
            le=GIB,
            description=(
                "Size of the parts of a multipart upload. One part is held in memory; an interrupted upload continues "
                "after the last part. An object can have 10,000 parts."
            ),
        ),
    ] = ByteCount(16 * MIB)
    connections: Annotated[int, Meta(ge=1, le=256, description="The most concurrent requests.")] = 16
    connect_timeout: Annotated[Seconds, Meta(ge=1, le=300, description="Timeout for opening a connection.")] = Seconds(
        5
    )
    read_timeout: Annotated[Seconds, Meta(ge=1, le=3600, description="Timeout for a connection without traffic.")] = (
        Seconds(30)
    )
    ca_file: Annotated[
        str,
        Meta(
            description=(
                "A file of CA certificates (PEM) that are trusted in addition to the system's, for a server with a "
                "private CA."
            )
        ),
    ] = ""


class StorageConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where finished videos are stored, and storage maintenance."""

    backend: Annotated[
        Literal["local", "s3"],
        Meta(
            description=(
                "Where new videos are stored: `local` is the data directory, `s3` the bucket of `[storage.s3]`. "
                "Existing videos stay where they are and keep playing."
            )
        ),
    ] = "local"
    bin_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description=(
                "How many days a deleted video stays in the trash and can be restored. It counts as used space until "
                "then; 0 deletes at once and permanently."
            ),
        ),
    ] = 30
    memory_cache: Annotated[
        ByteCount, Meta(ge=0, description="Size of the memory cache for segments; 0 turns it off.")
    ] = ByteCount(128 * MIB)
    reconcile_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often the stores are compared with the database; 0 is never."),
    ] = Seconds(DAY)
    stray_age: Annotated[
        Seconds,
        Meta(ge=0, description="How long an object in a store must be without a row before it is moved to quarantine."),
    ] = Seconds(DAY)
    aside_for: Annotated[
        Seconds,
        Meta(ge=0, description="How long it stays in quarantine (`aside/` in its store) before it is deleted."),
    ] = Seconds(14 * DAY)
    scrub_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often each stored object is read and compared with its hash; 0 is never."),
    ] = Seconds(90 * DAY)
    scrub_rate: Annotated[ByteCount, Meta(ge=64 * 1024, description="The most bytes per second that this reads.")] = (
        ByteCount(8 * MIB)
    )
    s3: S3Config = S3Config()


class BackupConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Automatic copies of the database."""

    every: Annotated[
        Seconds,
        Meta(
            ge=0,
            description=(
                "How often the database is copied while the server runs; a missed copy is made at the next start. 0 is "
                "never."
            ),
        ),
    ] = Seconds(DAY)
    keep: Annotated[int, Meta(ge=1, le=10_000, description="How many copies are kept; older ones are deleted.")] = 7
    to: Annotated[
        str,
        Meta(
            min_length=1,
            description=(
                "The folder of the copies; a relative path begins in the data directory. Use another disk if you can, "
                "so that one failure does not destroy both."
            ),
        ),
    ] = "backups"
    check_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often the database is checked for damage while the server runs; 0 is never."),
    ] = Seconds(DAY)


class TranscodeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How videos are processed. Changes apply to videos uploaded afterwards."""

    workers: Annotated[int, Meta(ge=1, le=64, description="How many videos are encoded concurrently.")] = 1
    nice: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description="Niceness of worker processes; 19 is the lowest priority.",
        ),
    ] = 10
    memory_budget: Annotated[
        MemoryBudget,
        Meta(
            description=(
                "Memory for all encoders together, a quarter of it reserved for the first rendition of videos that "
                "are not playable yet. It limits how many encode concurrently, up to `workers`. A ladder that needs "
                "more is encoded in several passes. `auto`: half of the machine's or container's memory."
            ),
        ),
    ] = MemoryBudget(0)
    yield_to_viewers: Annotated[
        bool,
        Meta(description="Pause long encodes while a video is watched, except those that make a video playable."),
    ] = False
    quiet_hours: Annotated[
        DailyHours,
        Meta(
            description=(
                "Long encodes run only in these hours, local time; an unfinished one pauses until they begin again. "
                "Quick jobs and encodes that make a video playable run at any time."
            )
        ),
    ] = DailyHours("")
    minimum_free_space: Annotated[
        ByteCount,
        Meta(
            ge=0,
            description=(
                "Encoding waits while the disk has less free space than this, or would have afterwards, and continues "
                "automatically."
            ),
        ),
    ] = ByteCount(2 * GIB)
    heights: Annotated[
        tuple[Annotated[int, Meta(ge=144, le=4320, multiple_of=2)], ...],
        Meta(
            min_length=1,
            max_length=12,
            description="The heights of encoded renditions; those above the video's own height are left out.",
        ),
    ] = tuple(rung.height for rung in DEFAULT_RUNGS)
    max_height: Annotated[
        int, Meta(ge=144, le=4320, description="The largest height that is encoded, whatever `heights` has.")
    ] = 2160
    crf: Annotated[
        int,
        Meta(
            ge=0,
            le=51,
            description="Video quality (x264's constant rate factor): lower is better and larger.",
        ),
    ] = DEFAULT_CRF
    keep_original: Annotated[
        bool, Meta(description="Keep the uploaded file, so that it can be downloaded and encoded again.")
    ] = True
    stall_timeout: Annotated[
        Seconds,
        Meta(
            ge=5,
            description="A worker without progress for this time is stopped, and the job is retried.",
        ),
    ] = Seconds(60)
    worker_memory: Annotated[
        ByteCount,
        Meta(ge=256 * MIB, description="A worker that uses more memory than this is stopped, and its video fails."),
    ] = ByteCount(3 * GIB)
    allow_unconfined: Annotated[
        bool,
        Meta(
            description=(
                "Let workers read untrusted files although the kernel has no seccomp. A malicious file could then do "
                "everything that the server may do."
            )
        ),
    ] = False


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration."""

    data_dir: Annotated[Path, Meta(description="Directory of all data: database, videos, uploads in progress.")] = Path(
        "data"
    )
    server: ServerConfig = ServerConfig()
    storage: StorageConfig = StorageConfig()
    backup: BackupConfig = BackupConfig()
    uploads: UploadsConfig = UploadsConfig()
    transcode: TranscodeConfig = TranscodeConfig()
    accounts: AccountsConfig = AccountsConfig()
    events: EventsConfig = EventsConfig()
