"""`streamtime package`: one video to an HLS folder for any web server, without a server of ours."""

import asyncio
import sys
from pathlib import Path

import rich_click as click

from streamtime.cli.context import Context
from streamtime.cli.package_report import PackageJsonLines, PackageLines, PackageProgressBar, PackageReporter
from streamtime.cli.telling import cancel_on_sigterm, reporting
from streamtime.lanes import packager
from streamtime.pipeline.folder import create_hls_folder
from streamtime.pipeline.packaged import PackagingResult
from streamtime.pipeline.packaging import Packager


class Heights(click.ParamType[list[int]]):
    """Picture heights, with commas between them."""

    name = "heights"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Read them; their bounds are the configuration's to check."""
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is no list of heights such as 1080,720,480.", param, ctx)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--heights", type=Heights(), help="The picture heights to encode, such as 1080,720,480, also such as save little."
)
@click.option("--crf", type=click.IntRange(0, 51), help="Quality of the picture: lower is better and larger.")
@click.option("--no-copy", is_flag=True, help="Encode what could be taken over as it is, too.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty; other files in it stay.")
@click.option("--json", "as_json", is_flag=True, help="Tell progress and result as JSON, one object a line.")
@click.pass_obj
def package(
    context: Context,
    source: Path,
    folder: Path,
    heights: list[int] | None,
    crf: int | None,
    no_copy: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Make the HLS folder DIR of the video SOURCE: master.m3u8 and all that it names, for any web server to hand out.

    What is made, and how, is what the server would do with the same configuration. The folder appears whole, or not at
    all. Exit code 1 where it cannot be made, 130 after Ctrl-C.
    """
    flags = {"transcode.heights": heights, "transcode.max_height": max(heights) if heights else None}
    config = context.config({**flags, "transcode.crf": crf})
    report = PackageJsonLines() if as_json else PackageProgressBar() if sys.stderr.isatty() else PackageLines()
    with reporting(report, "Stopped. Nothing was changed."):
        maker = packager(config, may_copy=not no_copy, explicit_heights=heights is not None)
        packaged = asyncio.run(_package(maker, source, folder, report, force=force))
    report.done(source, folder, packaged)


async def _package(
    packager: Packager, source: Path, folder: Path, report: PackageReporter, *, force: bool
) -> PackagingResult:
    cancel_on_sigterm()
    with create_hls_folder(folder, force=force) as made:
        return await packager.package(source, made, report.step)
