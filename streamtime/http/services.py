"""What handlers may call: the services of the rooms below, built once by the composition root."""

from dataclasses import dataclass
from typing import Protocol

from streamtime.accounts.administration import Administration
from streamtime.accounts.api_tokens import ApiTokens
from streamtime.accounts.audit import AuditLog
from streamtime.accounts.credentials import Authenticator
from streamtime.accounts.failures import FailedLoginLog
from streamtime.accounts.half_way import MfaChallenges
from streamtime.accounts.invites import Invites
from streamtime.accounts.last_use import LastUsedTracker
from streamtime.accounts.limits import RateLimiter
from streamtime.accounts.pictures import ProfilePictures
from streamtime.accounts.profiles import Profiles
from streamtime.accounts.provider_sign_in import OidcSignIn
from streamtime.accounts.refreshing import RefreshTokens
from streamtime.accounts.registration import Registration
from streamtime.accounts.second_factor import SecondFactor
from streamtime.accounts.sessions import Sessions
from streamtime.accounts.setup import Setup
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.users import Users
from streamtime.addresses import ListenAddress
from streamtime.backups.keeper import DatabaseBackups
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.events.bus import EventBus
from streamtime.hls.ladder import Rung
from streamtime.http.places import StreamSlots
from streamtime.http.shared_texts import RenderCache
from streamtime.jobs.overview import JobOverview, JobSummary
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobQueue
from streamtime.library.acquaintance import ProfileVisibility
from streamtime.library.bin import Trash
from streamtime.library.captions import Captions
from streamtime.library.chapters import Chapters
from streamtime.library.closing import AccountDeletion
from streamtime.library.damage import DamageReporter
from streamtime.library.deletion import VideoDeletion
from streamtime.library.duplicates import Duplicates
from streamtime.library.editing import Editor
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.listing import Listing
from streamtime.library.progress import ProgressTracker
from streamtime.library.renditions import Renditions
from streamtime.library.reservations import Reservations
from streamtime.library.space import StorageUsage
from streamtime.library.steering import VideoJobs
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos
from streamtime.objects.ledger import Ledger
from streamtime.objects.overview import StorageOverview
from streamtime.objects.stores import Stores
from streamtime.playback.media_bytes import MediaReader
from streamtime.playback.playlists import Playlists
from streamtime.playback.segments import Segments
from streamtime.playback.texts import TextTracks
from streamtime.sharing.drops import UploadRequests
from streamtime.sharing.links import Links
from streamtime.sharing.openings import ViewSessions
from streamtime.sharing.tickets import Tickets
from streamtime.storage.metered import StoreMetrics
from streamtime.uploads.create import UploadCreation
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadRepository
from streamtime.workers.roster import WorkerRegistry
from streamtime.workers.self_report import ConfinementCheck


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
