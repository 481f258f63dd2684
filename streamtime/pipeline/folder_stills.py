"""The storyboard and the preview of an HLS folder, out of its smallest picture, as the server's job makes them."""

import os
from contextlib import ExitStack

from streamtime.hls.storyboard import sheet_name, storyboard_vtt
from streamtime.library.renditions import Kind
from streamtime.pipeline.folder import PREVIEW, STORYBOARD
from streamtime.pipeline.folder_making import Work
from streamtime.pipeline.packaged import Step
from streamtime.pipeline.sounds import DISK_CODES
from streamtime.pipeline.stills_plan import StillsPlan
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher


async def make_stills(work: Work, launcher: WorkerLauncher) -> bool:
    """Make them, and tell whether they are there: a folder without them plays as well.

    Raises:
        WorkerFailed: the disk is full or broken.
    """
    work.tell(Step("Preparing the storyboard", 1.0))
    smallest = min(
        (made for made in work.made if made.new.kind is Kind.VIDEO), key=lambda m: m.started.width * m.started.height
    )
    plan = StillsPlan(smallest.index, smallest.started.width, smallest.started.height)
    names = [*map(sheet_name, range(plan.board.sheets)), PREVIEW]
    try:
        with ExitStack() as stack:
            source = work.folder.joined(smallest.new.name, len(smallest.index.segments))
            stack.callback(os.close, source)
            outputs = []
            for name in names:
                outputs.append(work.folder.file(name))
                stack.callback(os.close, outputs[-1])
            async with launcher.launch(source) as worker:
                async for _message in worker.stills(plan.order(), outputs):
                    pass
    except WorkerFailed as error:
        if error.code in DISK_CODES:
            raise
        for name in names:
            work.folder.drop(name)
        work.notes.append(f"No storyboard could be made: {error.message}")
        return False
    work.folder.write(STORYBOARD, storyboard_vtt(plan.board, plan.duration_ms))
    return True
