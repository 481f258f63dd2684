"""Composition of the services for videos: their rows and files, uploads, playback, accounts' deletion and usage."""

from dataclasses import dataclass

from streamtime.app.core import Infrastructure, bucket_address
from streamtime.app.workers import picture_decoder
from streamtime.auth.access import Visibility
from streamtime.auth.audit import AuditRetention
from streamtime.auth.notices import NoticeRetention
from streamtime.auth.sessions import Sessions
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.http.services import (
    LibraryServices,
    PlaybackServices,
    PlaylistServices,
    StorageServices,
    UploadServices,
    VideoServices,
)
from streamtime.maintenance.expiry import Retention
from streamtime.playback.media_reader import MediaReader, SegmentCache
from streamtime.playback.mp4_files import Mp4Files
from streamtime.playback.segments import PlaybackCache, PresignedUrls, Segments, ViewerActivity
from streamtime.playback.served_playlists import Playlists, TextTracks
from streamtime.transcoding.poster_picture import PosterPictures
from streamtime.transcoding.stills import Staging
from streamtime.uploads.create import UploadCreation
from streamtime.uploads.receive import Receiver, UploadProgress
from streamtime.uploads.terminate import Termination, UploadExpiry
from streamtime.uploads.upload import UploadLimits, UploadRepository, UploadSpace
from streamtime.videos.account_deletion import AccountDeletion
from streamtime.videos.adoption import Adoption
from streamtime.videos.announcements import Announcements
from streamtime.videos.bulk import Bulk, BulkChanges
from streamtime.videos.captions import Captions
from streamtime.videos.chapters import Chapters
from streamtime.videos.cut_jobs import CutJobs
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.editing import Editor, PosterChoice
from streamtime.videos.events import Timeline, VideoEventPublisher
from streamtime.videos.following import Following
from streamtime.videos.grants import Grants
from streamtime.videos.home import StartPage
from streamtime.videos.ingest import VideoIngest
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.listing import Listing
from streamtime.videos.marks import Marks
from streamtime.videos.playlist_items import PlaylistItems
from streamtime.videos.playlists import Playlists as VideoPlaylists
from streamtime.videos.progress import GrowingRenditions, ProgressTracker, VideoUpdater
from streamtime.videos.quota import Reservations, ReservationTimeouts, StorageUsage
from streamtime.videos.related import RelatedVideos
from streamtime.videos.renditions import Renditions, StillRepository, VideoFiles
from streamtime.videos.saved_filters import SavedFilters
from streamtime.videos.search import Search
from streamtime.videos.search_index import SearchIndexer
from streamtime.videos.shared import SharedVideos
from streamtime.videos.trash import Trash, TrashRetention
from streamtime.videos.versions import Versions
from streamtime.videos.video import Videos
from streamtime.videos.video_jobs import VideoJobs
from streamtime.videos.watching import Watching
from streamtime.workers.worker import WorkerRegistry


@dataclass(frozen=True, slots=True)
class SharedState:
    """What jobs and requests share in memory."""

    growing: GrowingRenditions
    viewer_activity: ViewerActivity
    workers: WorkerRegistry


def build_shared_state(base: Infrastructure) -> SharedState:
    """Build what jobs and requests share in memory."""
    return SharedState(GrowingRenditions(), ViewerActivity(base.clock), WorkerRegistry())


def build_videos(config: Config, base: Infrastructure) -> VideoServices:
    """Build the services for videos."""
    ledger, audit, work = base.ledger, base.audit, WorkQueue(base.queue)
    publisher = VideoEventPublisher(base.bus)
    progress = ProgressTracker(base.database, publisher, base.clock)
    updater = VideoUpdater(publisher, progress, base.notices, base.clock)
    files = VideoFiles(ledger, Renditions(base.database, ledger, base.clock), StillRepository(base.database, ledger))
    timeline = Timeline(base.database, base.clock)
    duplicates = Duplicates(base.database, work, updater, timeline)
    deletion = VideoDeletion(work, files, duplicates, updater, audit, base.clock)
    adoption = Adoption(work, updater, deletion, timeline)
    lifecycle = Lifecycle(work, updater, files, duplicates, timeline, adoption)
    versions = Versions(base.database, work, deletion, adoption, timeline, base.clock)
    ingest = VideoIngest(work, updater, timeline, duplicates, publisher, base.clock)
    staging = Staging(base.database, ledger, lifecycle, base.stores.spool)
    retention = TrashRetention(base.clock, config.storage.bin_days)
    chapters, indexer = Chapters(base.database, publisher), SearchIndexer(base.database)
    base.bus.add_handler(indexer.wake)
    listing, watching = Listing(base.database, indexer), Watching(base.database, base.clock)
    return VideoServices(
        repository=Videos(base.database),
        listing=listing,
        start_page=StartPage(base.database, watching),
        related=RelatedVideos(base.database),
        shared=SharedVideos(base.database),
        search=Search(base.database, listing, chapters),
        search_indexer=indexer,
        watching=watching,
        marks=Marks(base.database, base.clock),
        following=Following(base.database, base.clock),
        editor=Editor(base.database, PosterChoice(work), publisher, Announcements(base.notices), audit, base.clock),
        ingest=ingest,
        lifecycle=lifecycle,
        jobs=VideoJobs(work, updater, files.renditions, timeline, lifecycle),
        deletion=deletion,
        trash=Trash(base.database, lifecycle, deletion, updater, audit, retention),
        duplicates=duplicates,
        progress=progress,
        timeline=timeline,
        renditions=files.renditions,
        stills=files.stills,
        captions=Captions(base.database, publisher, base.clock),
        chapters=chapters,
        versions=versions,
        cuts=CutJobs(base.database, work, updater, ingest, timeline, base.clock),
        poster_pictures=PosterPictures(base.database, picture_decoder(config), staging, lifecycle),
    )


def build_playlists(base: Infrastructure) -> PlaylistServices:
    """Build the services for playlists."""
    return PlaylistServices(
        VideoPlaylists(base.database, base.bus, base.clock),
        PlaylistItems(base.database, base.bus, Announcements(base.notices), base.clock),
    )


def build_grants(base: Infrastructure) -> Grants:
    """Build the sharing with people and groups."""
    return Grants(base.database, VideoEventPublisher(base.bus), base.notices, base.audit, base.clock)


def build_library(base: Infrastructure, videos: VideoServices, playlists: PlaylistServices) -> LibraryServices:
    """Build the services for a library as a whole."""
    changes = BulkChanges(videos.editor, videos.trash, videos.jobs, playlists.items, build_grants(base))
    return LibraryServices(
        bulk=Bulk(base.database, videos.listing, changes), filters=SavedFilters(base.database, base.clock)
    )


def build_account_deletion(base: Infrastructure, videos: VideoServices) -> AccountDeletion:
    """Build the deletion of accounts and their videos."""
    sessions = Sessions(base.database, base.audit, base.clock)
    publisher = VideoEventPublisher(base.bus)
    return AccountDeletion(base.database, videos.deletion, publisher, sessions, base.audit, base.clock)


def build_storage(config: Config, base: Infrastructure) -> StorageServices:
    """Build the services for stores, stored objects and their usage."""
    reservations = build_reservations(config, base)
    usage = StorageUsage(base.database, reservations, quota_bytes=int(config.accounts.quota))
    return StorageServices(
        stores=base.stores, metrics=base.store_metrics, ledger=base.ledger, usage=usage, reservations=reservations
    )


def build_reservations(config: Config, base: Infrastructure) -> Reservations:
    """Build the reservations of space for uploads, with the configured timeouts."""
    chosen = config.uploads
    timeouts = ReservationTimeouts(
        idle_ms=chosen.reservation_timeout * 1000, first_byte_ms=chosen.first_byte_timeout * 1000
    )
    return Reservations(base.database, base.clock, timeouts)


def build_upload_repository(config: Config, base: Infrastructure) -> UploadRepository:
    """Build the repository of uploads, with the configured expiry."""
    reservations = build_reservations(config, base)
    return UploadRepository(
        base.database, base.ledger, reservations, base.clock, expire_after_ms=config.uploads.expire_after * 1000
    )


def build_upload_expiry(config: Config, base: Infrastructure, videos: VideoServices) -> UploadExpiry:
    """Build the expiry of abandoned uploads."""
    uploads = build_upload_repository(config, base)
    return UploadExpiry(base.database, uploads, videos.repository, videos.deletion)


def build_retentions(config: Config, base: Infrastructure) -> tuple[Retention, ...]:
    """Build what deletes old lines of the audit log and old notices."""
    return (
        AuditRetention(base.database, base.clock, days=config.accounts.audit_days),
        NoticeRetention(base.database, base.clock),
    )


def build_uploads(
    config: Config, base: Infrastructure, videos: VideoServices, storage: StorageServices
) -> UploadServices:
    """Build the services for uploads."""
    repository, spool = build_upload_repository(config, base), base.stores.spool
    space = UploadSpace(storage.usage, spool, repository, upload_limits(config))
    progress = UploadProgress(base.database, repository, videos.ingest, videos.progress, space)
    receiver = Receiver(repository, videos.repository, progress, spool)
    termination = Termination(base.database, videos.repository, videos.deletion, receiver)
    return UploadServices(
        repository=repository,
        creation=UploadCreation(base.database, repository, videos.ingest, termination, space, spool),
        receiver=receiver,
        termination=termination,
        space=space,
    )


def upload_limits(config: Config) -> UploadLimits:
    """Return the limits of uploads."""
    return UploadLimits(
        max_size_bytes=int(config.uploads.max_size),
        minimum_free_bytes=int(config.uploads.minimum_free_space),
        chunk_size_bytes=int(config.uploads.chunk_size),
        default_visibility=Visibility(config.accounts.default_visibility),
    )


def build_playback(
    config: Config, base: Infrastructure, videos: VideoServices, shared: SharedState
) -> PlaybackServices:
    """Build the services for players."""
    cache = PlaybackCache(videos.repository, videos.renditions, videos.captions, videos.chapters, base.epoch)
    presigned_urls = PresignedUrls(base.stores, _redirect_stores(config))
    segments = Segments(cache, shared.growing, videos.stills, base.ledger, shared.viewer_activity, presigned_urls)

    async def recheck(video_id: int) -> None:
        """Check a video's state against its stored objects, and correct it."""
        video = await videos.repository.by_id(video_id)
        await base.database.write(lambda tx: videos.lifecycle.recheck(tx, video))

    reader = MediaReader(base.stores, base.ledger, SegmentCache(config.storage.memory_cache))
    return PlaybackServices(
        segments=segments,
        playlists=Playlists(cache, segments, recheck),
        text_tracks=TextTracks(cache, videos.captions),
        media_reader=reader,
        mp4_files=Mp4Files(cache, reader, shared.viewer_activity),
    )


def _redirect_stores(config: Config) -> list[str]:
    """Return the names of the stores that browsers are redirected to for public videos."""
    chosen = config.storage.s3
    if not chosen.redirect_public or bucket_address(chosen) is None:
        return []
    if not chosen.public_endpoint:
        raise ConfigError("storage.s3.redirect_public needs storage.s3.public_endpoint.")
    return ["s3"]
