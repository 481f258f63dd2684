"""The services that handlers use, in groups, and their settings. A handler names the groups that it needs.

`http/application.py` injects each field of `Services` by its name; `app/` builds each group in one function.
"""

from dataclasses import dataclass

from streamtime.addresses import ListenAddress
from streamtime.auth.access import Caller
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.authentication import Authenticator, LastUsedTracker
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.groups import Groups
from streamtime.auth.mfa import MfaChallenges, SecondFactor
from streamtime.auth.notices import Notices
from streamtime.auth.oidc.sign_in import OidcSignIn
from streamtime.auth.preferences import PreferenceRepository
from streamtime.auth.profiles import ProfilePictures, Profiles
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.refresh_tokens import RefreshTokens
from streamtime.auth.registration import Invites, Registration, Setup
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import PasswordVerifier, SignIn
from streamtime.auth.users import Users
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.hls.ladder import Rung
from streamtime.http.event_stream_state import RenderCache, StreamSlots
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview, JobQueue
from streamtime.maintenance.alerts import AdminAlerts
from streamtime.maintenance.backup.automatic import DatabaseBackups
from streamtime.maintenance.expiry import ExpiryScheduler
from streamtime.maintenance.jobs import MaintenanceScheduler
from streamtime.maintenance.overview import StorageOverview
from streamtime.maintenance.server_settings import ServerSettings
from streamtime.maintenance.space_history import SpaceHistory
from streamtime.playback.media_reader import MediaReader
from streamtime.playback.mp4_files import Mp4Files
from streamtime.playback.segments import Segments
from streamtime.playback.served_playlists import Playlists, TextTracks
from streamtime.sharing.links import Links
from streamtime.sharing.tickets import Tickets, ViewSessions
from streamtime.sharing.upload_requests import UploadRequests
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.objects.stores import Stores
from streamtime.storage.wrappers import StoreMetrics
from streamtime.transcoding.admission import EncodeAdmission, QueueStatus
from streamtime.transcoding.poster_picture import PosterPictures
from streamtime.uploads.create import UploadCreation
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadRepository, UploadSpace
from streamtime.videos.account_deletion import AccountDeletion
from streamtime.videos.bulk import Bulk
from streamtime.videos.captions import Captions
from streamtime.videos.chapters import Chapters
from streamtime.videos.cut_jobs import CutJobs
from streamtime.videos.damage import DamageReporter
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.editing import Editor
from streamtime.videos.events import EventBus, Timeline
from streamtime.videos.following import Following
from streamtime.videos.grants import Grants
from streamtime.videos.home import StartPage
from streamtime.videos.ingest import VideoIngest
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.listing import Listing
from streamtime.videos.marks import Marks
from streamtime.videos.notice_list import NoticeList
from streamtime.videos.playlist_items import PlaylistItems
from streamtime.videos.playlists import Playlists as VideoPlaylists
from streamtime.videos.progress import ProgressTracker
from streamtime.videos.quota import Reservations, StorageUsage
from streamtime.videos.related import RelatedVideos
from streamtime.videos.renditions import Renditions, StillRepository
from streamtime.videos.saved_filters import SavedFilters
from streamtime.videos.search import Search
from streamtime.videos.search_index import SearchIndexer
from streamtime.videos.shared import SharedVideos
from streamtime.videos.trash import Trash
from streamtime.videos.versions import Versions
from streamtime.videos.video import ProfileVisibility, Videos
from streamtime.videos.video_jobs import VideoJobs
from streamtime.videos.watching import Watching
from streamtime.workers.launcher import ConfinementCheck
from streamtime.workers.worker import WorkerRegistry


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Accounts: who has one, how one is made, changed and deleted, and the audit log."""

    users: Users
    administration: Administration
    invites: Invites
    registration: Registration
    setup: Setup
    profiles: Profiles
    pictures: ProfilePictures
    preferences: PreferenceRepository
    profile_visibility: ProfileVisibility
    deletion: AccountDeletion
    audit: AuditLog


@dataclass(frozen=True, slots=True)
class AuthServices:
    """Sign-in, and what authenticates a request."""

    passwords: PasswordVerifier
    sign_in: SignIn
    mfa_challenges: MfaChallenges
    second_factor: SecondFactor
    oidc: OidcSignIn | None
    """None if no OpenID provider is configured."""
    sessions: Sessions
    api_tokens: ApiTokens
    refresh_tokens: RefreshTokens
    authenticator: Authenticator
    last_used: LastUsedTracker
    rate_limiter: RateLimiter
    failed_logins: FailedLoginLog


@dataclass(frozen=True, slots=True)
class VideoServices:
    """Videos, what belongs to them, and their state from upload to deletion."""

    repository: Videos
    listing: Listing
    start_page: StartPage
    related: RelatedVideos
    shared: SharedVideos
    search: Search
    search_indexer: SearchIndexer
    watching: Watching
    marks: Marks
    following: Following
    editor: Editor
    ingest: VideoIngest
    lifecycle: Lifecycle
    jobs: VideoJobs
    deletion: VideoDeletion
    trash: Trash
    duplicates: Duplicates
    progress: ProgressTracker
    timeline: Timeline
    renditions: Renditions
    stills: StillRepository
    captions: Captions
    chapters: Chapters
    versions: Versions
    cuts: CutJobs
    poster_pictures: PosterPictures


@dataclass(frozen=True, slots=True)
class PlaylistServices:
    """Playlists of accounts, and their videos."""

    repository: VideoPlaylists
    items: PlaylistItems


@dataclass(frozen=True, slots=True)
class LibraryServices:
    """What an account does with its library as a whole."""

    bulk: Bulk
    filters: SavedFilters


@dataclass(frozen=True, slots=True)
class UploadServices:
    """Resumable uploads."""

    repository: UploadRepository
    creation: UploadCreation
    receiver: Receiver
    termination: Termination
    space: UploadSpace


@dataclass(frozen=True, slots=True)
class PlaybackServices:
    """What a player requests: playlists, segments, text tracks, plain files."""

    segments: Segments
    playlists: Playlists
    text_tracks: TextTracks
    media_reader: MediaReader
    mp4_files: Mp4Files


@dataclass(frozen=True, slots=True)
class SharingServices:
    """Share links, upload requests, media tickets, and sharing with people and groups."""

    tickets: Tickets
    links: Links
    view_sessions: ViewSessions
    upload_requests: UploadRequests
    groups: Groups
    grants: Grants


@dataclass(frozen=True, slots=True)
class JobServices:
    """The job queue, the pool that runs it, and its child processes."""

    queue: JobQueue
    pool: JobPool
    overview: JobOverview
    status: QueueStatus
    admission: EncodeAdmission
    workers: WorkerRegistry
    confinement: ConfinementCheck


@dataclass(frozen=True, slots=True)
class StorageServices:
    """Stores, stored objects, and who uses how much of them."""

    stores: Stores
    metrics: StoreMetrics
    ledger: Ledger
    usage: StorageUsage
    reservations: Reservations


@dataclass(frozen=True, slots=True)
class MaintenanceServices:
    """Storage maintenance, expiry and backups, with their schedules and results."""

    overview: StorageOverview
    scheduler: MaintenanceScheduler
    expiry: ExpiryScheduler
    alerts: AdminAlerts
    database_backups: DatabaseBackups
    space_history: SpaceHistory
    damage_reporter: DamageReporter


@dataclass(frozen=True, slots=True)
class NoticeServices:
    """Notices of accounts: changes, and what a person sees of theirs."""

    notices: Notices
    listing: NoticeList


@dataclass(frozen=True, slots=True)
class StreamServices:
    """Server-sent events."""

    bus: EventBus
    slots: StreamSlots
    render_cache: RenderCache


@dataclass(frozen=True, slots=True)
class Services:
    """All groups. Each field is a dependency that a handler can name."""

    clock: Clock
    database: Database
    server_settings: ServerSettings
    accounts: AccountServices
    auth: AuthServices
    videos: VideoServices
    playlists: PlaylistServices
    library: LibraryServices
    uploads: UploadServices
    playback: PlaybackServices
    sharing: SharingServices
    jobs: JobServices
    storage: StorageServices
    maintenance: MaintenanceServices
    notices: NoticeServices
    streams: StreamServices


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
    frame_ancestors: tuple[str, ...]
    """Origins of sites that may embed the player in a frame."""
    shared_cache_s: int
    """Seconds that shared caches may keep public media; 0 disables it."""
    anonymous: Caller
    """The caller of a request without credentials."""
    started_at_ms: int
    """When the process started."""
