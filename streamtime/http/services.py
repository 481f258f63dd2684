"""What handlers may call: the services of the rooms below, built once by the composition root."""

from dataclasses import dataclass
from typing import Protocol

from streamtime.addresses import ListenAddress
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.authentication import Authenticator, LastUsedTracker
from streamtime.auth.failed_logins import FailedLoginLog
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
from streamtime.http.event_stream_limits import StreamSlots
from streamtime.http.shared_texts import RenderCache
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
    """Knows why jobs wait, and keeps telling it to the progress board."""

    def reason_for(self, job: JobSummary) -> str:
        """Why a queued job does not run, in words for people."""
        ...

    async def run_forever(self) -> None:
        """Look again and again, until cancelled."""
        ...


class PeriodicTask(Protocol):
    """Does something now and then."""

    async def run_forever(self) -> None:
        """Do it again and again, until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """One of each."""

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
    """None where no provider is configured."""
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
    """What the person who runs the server chose about HTTP, as plain values."""

    listening: ListenAddress
    public_url: str
    allowed_hosts: tuple[str, ...]
    metrics_token: str
    rungs: tuple[Rung, ...]
    keep_original: bool
    encode_slots: int
    encode_budget_bytes: int
    """Memory that all encodes may have together."""
    encode_minimum_free_bytes: int
    frame_ancestors: tuple[str, ...]
    """Origins whose pages may frame the embedded player."""
    shared_cache_s: int
    """How long shared caches may keep what is public; 0 not at all."""
