"""Every key there is: its type, its bounds, its default and the words that describe it, in one place.

`load.py` reads values into these structs; `describe.py` turns them into `config.example.toml` and the tables
of `docs/configuration.md`. It knows nothing of files, environments or flags.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.accounts import AccountsConfig
from streamtime.config.server import EventsConfig, ServerConfig, UploadsConfig
from streamtime.config.values import ByteCount, DailyHours, MemoryBudget, PublicUrl, Seconds

MIB = 2**20
GIB = 2**30
DAY = 86400


class S3Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket, and how it is spoken to. It is used where `endpoint` and `bucket` are set."""

    endpoint: Annotated[
        PublicUrl,
        Meta(description="Address of the S3 server; `https://` is with TLS, `http://` without."),
    ] = PublicUrl("")
    bucket: Annotated[str, Meta(description="The bucket, which must exist; it may be shared, see `prefix`.")] = ""
    region: Annotated[
        str, Meta(min_length=1, description="The region of the bucket; many servers of one's own take any.")
    ] = "us-east-1"
    access_key: Annotated[str, Meta(description="The name of the key that may read and write the bucket.")] = ""
    secret_key: Annotated[str, Meta(description="The secret of that key.", extra={"secret": True})] = ""
    prefix: Annotated[
        str,
        Meta(
            description=(
                "All object names begin with this and a slash, so that several servers can share a bucket. It must "
                "not change while the bucket holds videos."
            )
        ),
    ] = ""
    path_style: Annotated[
        bool,
        Meta(
            description=(
                "The bucket is named in the path of addresses; false puts it before the host name, as AWS prefers."
            )
        ),
    ] = True
    public_endpoint: Annotated[
        PublicUrl,
        Meta(
            description="Where browsers reach the S3 server, for signed addresses; empty where they cannot.",
        ),
    ] = PublicUrl("")
    redirect_public: Annotated[
        bool,
        Meta(
            description=(
                "Let browsers fetch the segments of public videos from `public_endpoint` by short-lived signed "
                "addresses instead of through this server."
            )
        ),
    ] = False
    read_back: Annotated[
        bool,
        Meta(
            description=(
                "Read every object back and compare it before its copy on disk is let go. False trusts the server's "
                "own check of what it received, where reading costs money."
            )
        ),
    ] = True
    part_size: Annotated[
        ByteCount,
        Meta(
            ge=5 * MIB,
            le=GIB,
            description=(
                "How much of an object is sent at once, and held in memory meanwhile; what breaks off goes on at the "
                "last part. An object can have 10,000 parts."
            ),
        ),
    ] = ByteCount(16 * MIB)
    connections: Annotated[int, Meta(ge=1, le=256, description="How many requests may be under way at once.")] = 16
    connect_timeout: Annotated[Seconds, Meta(ge=1, le=300, description="How long a connection may take to open.")] = (
        Seconds(5)
    )
    read_timeout: Annotated[
        Seconds, Meta(ge=1, le=3600, description="How long a connection may stand still before it is given up.")
    ] = Seconds(30)
    ca_file: Annotated[
        str,
        Meta(
            description=(
                "A file of certificates (PEM) that are trusted beside the usual ones: for a server with a certificate "
                "of one's own."
            )
        ),
    ] = ""


class StorageConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where finished videos are kept."""

    backend: Annotated[
        Literal["local", "s3"],
        Meta(
            description=(
                "Where new videos stay: `local` is the data directory, `s3` the bucket of `[storage.s3]`. Those that "
                "are there already stay where they are and play as before."
            )
        ),
    ] = "local"
    bin_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description=(
                "How many days a deleted video can still be brought back. Until then it takes its room; 0 deletes at "
                "once and for good."
            ),
        ),
    ] = 30
    memory_cache: Annotated[
        ByteCount, Meta(ge=0, description="Memory for segments that are being watched; 0 turns it off.")
    ] = ByteCount(128 * MIB)
    reconcile_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often stores are compared with what the database says is in them; 0 is never."),
    ] = Seconds(DAY)
    stray_age: Annotated[
        Seconds,
        Meta(ge=0, description="How long something in a store that belongs to nothing is only watched."),
    ] = Seconds(DAY)
    aside_for: Annotated[
        Seconds,
        Meta(ge=0, description="How long it lies aside afterwards, in `aside/` of its store, before it is deleted."),
    ] = Seconds(14 * DAY)
    scrub_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often each stored file is read again and compared with its hash; 0 is never."),
    ] = Seconds(90 * DAY)
    scrub_rate: Annotated[
        ByteCount, Meta(ge=64 * 1024, description="How much of that is read in a second at most.")
    ] = ByteCount(8 * MIB)
    s3: S3Config = S3Config()


class BackupConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copies of the database that the server makes by itself."""

    every: Annotated[
        Seconds,
        Meta(
            ge=0,
            description=(
                "How often the database is copied, beside all that goes on; a copy that was missed is made at the "
                "start. 0 is never."
            ),
        ),
    ] = Seconds(DAY)
    keep: Annotated[int, Meta(ge=1, le=10_000, description="How many of these copies are kept; the oldest go.")] = 7
    to: Annotated[
        str,
        Meta(
            min_length=1,
            description=(
                "The folder of the copies; a relative path begins in the data directory. Another disk is better: what "
                "takes the database takes a copy beside it too."
            ),
        ),
    ] = "backups"
    check_every: Annotated[
        Seconds,
        Meta(ge=0, description="How often the database is checked for damage while the server runs; 0 is never."),
    ] = Seconds(DAY)


class TranscodeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How videos are prepared. Changes hold for videos uploaded afterwards."""

    workers: Annotated[int, Meta(ge=1, le=64, description="How many videos are prepared at once.")] = 1
    nice: Annotated[
        int,
        Meta(
            ge=0,
            le=19,
            description=("How far workers stand back behind everything else on the machine; 19 is farthest."),
        ),
    ] = 10
    memory_budget: Annotated[
        MemoryBudget,
        Meta(
            description=(
                "Memory that encoders may have together, a quarter of it kept for the first quality of videos that "
                "nobody can watch yet: as many encode at once as fit, `workers` at most. A ladder that needs more by "
                "itself is made in several passes. `auto`: half of the machine's or container's."
            ),
        ),
    ] = MemoryBudget(0)
    yield_to_viewers: Annotated[
        bool,
        Meta(description="Pause long encodes while somebody watches. What makes a video playable is never paused."),
    ] = False
    quiet_hours: Annotated[
        DailyHours,
        Meta(
            description=(
                "Long encodes run only in these hours, local time; one that is not done by their end pauses until the "
                "next. What is quick, and what makes a video playable, goes on at any time."
            )
        ),
    ] = DailyHours("")
    minimum_free_space: Annotated[
        ByteCount,
        Meta(
            ge=0,
            description=(
                "Encoding waits while the disk has less than this left, or would have when it is done. "
                "It goes on by itself."
            ),
        ),
    ] = ByteCount(2 * GIB)
    heights: Annotated[
        tuple[Annotated[int, Meta(ge=144, le=4320, multiple_of=2)], ...],
        Meta(
            min_length=1,
            max_length=12,
            description=("The picture heights that a video may be offered in; those above its own are left out."),
        ),
    ] = (2160, 1440, 1080, 720, 480, 360, 240)
    max_height: Annotated[
        int, Meta(ge=144, le=4320, description="The largest height that is made, whatever `heights` says.")
    ] = 2160
    crf: Annotated[
        int,
        Meta(
            ge=0,
            le=51,
            description=("Quality of the picture (x264's constant rate factor): lower is better and larger."),
        ),
    ] = 23
    keep_original: Annotated[
        bool, Meta(description=("Keep the uploaded file, so that it can be downloaded and prepared anew."))
    ] = True
    stall_timeout: Annotated[
        Seconds,
        Meta(
            ge=5,
            description=("A worker that shows no progress for so long is ended, and the job tried again."),
        ),
    ] = Seconds(60)
    worker_memory: Annotated[
        ByteCount,
        Meta(ge=256 * MIB, description="A worker that takes more memory than this is ended, and its video failed."),
    ] = ByteCount(3 * GIB)
    allow_unconfined: Annotated[
        bool,
        Meta(
            description=(
                "Let workers read strangers' files where the kernel has no seccomp. A hostile file could then do what "
                "the server may do."
            )
        ),
    ] = False


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the person who runs the server chose."""

    data_dir: Annotated[Path, Meta(description="Directory of all state: database, videos, uploads in progress.")] = (
        Path("data")
    )
    server: ServerConfig = ServerConfig()
    storage: StorageConfig = StorageConfig()
    backup: BackupConfig = BackupConfig()
    uploads: UploadsConfig = UploadsConfig()
    transcode: TranscodeConfig = TranscodeConfig()
    accounts: AccountsConfig = AccountsConfig()
    events: EventsConfig = EventsConfig()
