"""The services and settings that handlers use. The composition root builds them once."""

from dataclasses import dataclass
from typing import Protocol

from streamtime.addresses import ListenAddress
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.authentication import Authenticator, LastUsedTracker
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.mfa import MfaChallenges, SecondFactor
from streamtime.auth.oidc.sign_in import OidcSignIn
from streamtime.auth.profiles import ProfilePictures, Profiles
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.refresh_tokens import RefreshTokens
from streamtime.auth.registration import Invites, Registration, Setup
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import SignIn
from streamtime.auth.users import Users
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.hls.ladder import Rung
from streamtime.http.event_stream_state import RenderCache, StreamSlots
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview, JobQueue, JobSummary
from streamtime.maintenance.backup.automatic import DatabaseBackups
from streamtime.maintenance.overview import StorageOverview
from streamtime.playback.media_reader import MediaReader
from streamtime.playback.playlists import Playlists, TextTracks
from streamtime.playback.segments import Segments
from streamtime.sharing.links import Links
from streamtime.sharing.tickets import Tickets, ViewSessions
from streamtime.sharing.upload_requests import UploadRequests
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.objects.stores import Stores
from streamtime.storage.wrappers import StoreMetrics
from streamtime.uploads.create import UploadCreation
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadRepository
from streamtime.videos.account_deletion import AccountDeletion
from streamtime.videos.captions import Captions, Chapters
from streamtime.videos.damage import DamageReporter
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.editing import Editor
from streamtime.videos.events import EventBus, Timeline
from streamtime.videos.lifecycle import Lifecycle, VideoJobs
from streamtime.videos.listing import Listing
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.quota import Reservations, StorageUsage
from streamtime.videos.renditions import Renditions
from streamtime.videos.trash import Trash
from streamtime.videos.videos import ProfileVisibility, Videos
from streamtime.workers.launcher import ConfinementCheck
from streamtime.workers.worker import WorkerRegistry


class QueueStatusMonitor(Protocol):
    """Determines why jobs wait, and keeps the progress display informed."""

    def reason_for(self, job: JobSummary) -> str:
        """Return why a queued job does not run, as a text for people."""
        ...

    async def run_forever(self) -> None:
        """Update the reasons periodically until cancelled."""
        ...


class PeriodicTask(Protocol):
    """A task that runs periodically."""

    async def run_forever(self) -> None:
        """Run periodically until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """All services."""

    clock: Clock
    database: Database
    events: EventBus
    stream_slots: StreamSlots
    render_cache: RenderCache
    audit: AuditLog
    rate_limiter: RateLimiter
    failed_logins: FailedLoginLog
    users: Users
    administration: Administration
    invites: Invites
    registration: Registration
    profiles: Profiles
    pictures: ProfilePictures
    profile_visibility: ProfileVisibility
    setup: Setup
    sign_in: SignIn
    mfa_challenges: MfaChallenges
    second_factor: SecondFactor
    oidc_sign_in: OidcSignIn | None
    """None if no OpenID provider is configured."""
    refresh_tokens: RefreshTokens
    sessions: Sessions
    api_tokens: ApiTokens
    authenticator: Authenticator
    last_used: LastUsedTracker
    videos: Videos
    listing: Listing
    editor: Editor
    lifecycle: Lifecycle
    video_jobs: VideoJobs
    deletion: VideoDeletion
    trash: Trash
    account_deletion: AccountDeletion
    duplicates: Duplicates
    progress: ProgressTracker
    renditions: Renditions
    ledger: Ledger
    stores: Stores
    store_metrics: StoreMetrics
    segments: Segments
    playlists: Playlists
    text_tracks: TextTracks
    captions: Captions
    chapters: Chapters
    media_reader: MediaReader
    uploads: UploadRepository
    upload_creation: UploadCreation
    receiver: Receiver
    termination: Termination
    queue: JobQueue
    pool: JobPool
    confinement: ConfinementCheck
    timeline: Timeline
    jobs: JobOverview
    worker_registry: WorkerRegistry
    queue_status: QueueStatusMonitor
    maintenance_scheduler: PeriodicTask
    storage: StorageOverview
    damage_reporter: DamageReporter
    database_backups: DatabaseBackups
    usage: StorageUsage
    reservations: Reservations
    expiry: PeriodicTask
    tickets: Tickets
    links: Links
    view_sessions: ViewSessions
    upload_requests: UploadRequests


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The configuration of HTTP as plain values."""

    listening: ListenAddress
    public_url: str
    allowed_hosts: tuple[str, ...]
    metrics_token: str
    rungs: tuple[Rung, ...]
    keep_original: bool
    encode_slots: int
    encode_budget_bytes: int
    """Memory limit of all encodes together."""
    encode_minimum_free_bytes: int
    frame_ancestors: tuple[str, ...]
    """Origins of sites that may embed the player in a frame."""
    shared_cache_s: int
    """Seconds that shared caches may keep public media; 0 disables it."""
