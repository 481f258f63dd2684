"""What handlers may call: the services of the rooms below, built once by the composition root."""

from dataclasses import dataclass
from typing import Protocol

from streamtime.accounts.administration import Administration
from streamtime.accounts.api_tokens import ApiTokens
from streamtime.accounts.audit import Audit
from streamtime.accounts.credentials import Credentials
from streamtime.accounts.failures import Failures
from streamtime.accounts.half_way import HalfWay
from streamtime.accounts.invites import Invites
from streamtime.accounts.last_use import LastUse
from streamtime.accounts.limits import Limits
from streamtime.accounts.pictures import Pictures
from streamtime.accounts.profiles import Profiles
from streamtime.accounts.provider_sign_in import ProviderSignIn
from streamtime.accounts.refreshing import Refreshing
from streamtime.accounts.registration import Registration
from streamtime.accounts.second_factor import SecondFactor
from streamtime.accounts.sessions import Sessions
from streamtime.accounts.setup import Setup
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.users import Users
from streamtime.addresses import Listening
from streamtime.backups.keeper import DatabaseKeeper
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.events.bus import EventBus
from streamtime.hls.ladder import Rung
from streamtime.http.places import Places
from streamtime.http.shared_texts import SharedTexts
from streamtime.jobs.overview import JobOverview, SeenJob
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobQueue
from streamtime.library.acquaintance import Acquaintance
from streamtime.library.bin import Bin
from streamtime.library.captions import Captions
from streamtime.library.chapters import Chapters
from streamtime.library.closing import AccountClosing
from streamtime.library.damage import Damage
from streamtime.library.deletion import Deletion
from streamtime.library.duplicates import Duplicates
from streamtime.library.editing import Editor
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.listing import Listing
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Renditions
from streamtime.library.reservations import Reservations
from streamtime.library.space import Space
from streamtime.library.steering import Steering
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos
from streamtime.objects.ledger import Ledger
from streamtime.objects.overview import StorageOverview
from streamtime.objects.stores import Stores
from streamtime.playback.media_bytes import MediaReader
from streamtime.playback.playlists import Playlists
from streamtime.playback.segments import Segments
from streamtime.playback.texts import Texts
from streamtime.sharing.drops import Drops
from streamtime.sharing.links import Links
from streamtime.sharing.openings import Openings
from streamtime.sharing.tickets import Tickets
from streamtime.storage.metered import StoreNumbers
from streamtime.uploads.create import UploadCreation
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadRows
from streamtime.workers.roster import Roster
from streamtime.workers.self_report import SelfReport


class Waiting(Protocol):
    """Knows why jobs wait, and keeps telling it to the progress board."""

    def why(self, job: SeenJob) -> str:
        """Why a queued job does not run, in words for people."""
        ...

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        ...


class Keeping(Protocol):
    """Does something now and then."""

    async def keep(self) -> None:
        """Do it again and again, until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """One of each."""

    clock: Clock
    database: Database
    bus: EventBus
    places: Places
    shared_texts: SharedTexts
    audit: Audit
    limits: Limits
    failures: Failures
    users: Users
    administration: Administration
    invites: Invites
    registration: Registration
    profiles: Profiles
    pictures: Pictures
    acquaintance: Acquaintance
    setup: Setup
    sign_in: SignIn
    half_way: HalfWay
    second_factor: SecondFactor
    provider_sign_in: ProviderSignIn | None
    """None where no provider is configured."""
    refreshing: Refreshing
    sessions: Sessions
    api_tokens: ApiTokens
    credentials: Credentials
    last_use: LastUse
    videos: Videos
    listing: Listing
    editor: Editor
    lifecycle: Lifecycle
    steering: Steering
    deletion: Deletion
    bin: Bin
    closing: AccountClosing
    duplicates: Duplicates
    progress: ProgressBoard
    renditions: Renditions
    ledger: Ledger
    stores: Stores
    store_numbers: StoreNumbers
    segments: Segments
    playlists: Playlists
    texts: Texts
    captions: Captions
    chapters: Chapters
    media_reader: MediaReader
    uploads: UploadRows
    upload_creation: UploadCreation
    receiver: Receiver
    termination: Termination
    queue: JobQueue
    pool: JobPool
    workers: SelfReport
    timeline: Timeline
    jobs: JobOverview
    roster: Roster
    waiting: Waiting
    rounds: Keeping
    storage: StorageOverview
    damage: Damage
    keeper: DatabaseKeeper
    space: Space
    reservations: Reservations
    expiry: Keeping
    tickets: Tickets
    links: Links
    openings: Openings
    drops: Drops


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the person who runs the server chose about HTTP, as plain values."""

    listening: Listening
    public_url: str
    allowed_hosts: tuple[str, ...]
    metrics_token: str
    rungs: tuple[Rung, ...]
    keep_original: bool
    encode_places: int
    encode_budget_bytes: int
    """Memory that all encodes may have together."""
    encode_minimum_free_bytes: int
    frame_ancestors: tuple[str, ...]
    """Origins whose pages may frame the embedded player."""
    shared_cache_s: int
    """How long shared caches may keep what is public; 0 not at all."""
