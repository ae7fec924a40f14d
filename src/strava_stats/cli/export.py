"""export: tables, samples and tracks as files that leave the house, with the privacy zones cut out."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_stats.cli.app import app, report
from strava_stats.cli.context import Context
from strava_stats.cli.sync import parse_ids
from strava_stats.errors import UsageError

if TYPE_CHECKING:
    from strava_stats.tracks.gpx import Written
    from strava_stats.tracks.outgoing import Outgoing, Selection
    from strava_stats.tracks.privacy import Zone

GPX = "gpx"
FORMATS = ("parquet", "csv", "jsonl", GPX)
STDOUT = "-"
SHOWN = 5  # ids named in a line; --json has all


@dataclass(frozen=True)
class Target:
    """Where an export goes: a folder, one file, or standard output; and in which format."""

    form: str
    folder: Path | None = None
    file: Path | None = None

    @property
    def is_stdout(self) -> bool:
        """True when rows go to standard output."""
        return self.folder is None and self.file is None


@app.command()
def export(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...", help="Tables and views.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="parquet (default), csv, jsonl; gpx: activities as tracks.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="A folder, a .parquet, .csv or .jsonl file, or -; else exports/ beside .env."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every table and view; with gpx every activity.")] = False,
    ids: Annotated[str | None, typer.Option("--ids", help="Only these activities; commas or blanks between.")] = None,
    from_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only activities from this local day on.")
    ] = None,
    to_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Only activities up to this local day.")
    ] = None,
    sport: Annotated[str | None, typer.Option("--sport", help="Only these sports, such as Run,TrailRun.")] = None,
    no_privacy: Annotated[bool, typer.Option("--no-privacy", help="Do not cut PRIVACY_ZONES out.")] = False,
    no_formulas: Annotated[
        bool, typer.Option("--no-formulas", help="csv: an apostrophe before text that a spreadsheet would run.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write tables and views as Parquet, CSV or JSON Lines, or activities as GPX."""
    from strava_stats.tracks.outgoing import Outgoing, Selection  # noqa: PLC0415 - heavy imports are lazy
    from strava_stats.tracks.privacy import Zone  # noqa: PLC0415

    context: Context = ctx.obj
    started, tick = datetime.now(UTC), time.monotonic()
    target = find_target(form, out, names or [], context.settings.env_file.parent / "exports")
    selection = Selection(
        athlete=context.athlete,
        ids=parse_ids(ids) if ids is not None else None,
        first=from_day.date() if from_day else None,
        last=to_day.date() if to_day else None,
        sports=_split("--sport", sport),
    )
    _refuse_nonsense(context, target, selection, names or [], everything=everything, no_formulas=no_formulas)
    zones = [] if no_privacy else [Zone(*zone) for zone in context.settings.privacy_zones]
    with Outgoing(context.layout.warehouse, zones) as outgoing:
        if (selection.is_by_activity or target.form == GPX) and not outgoing.choose(selection):
            raise UsageError(
                "No activity is like that", "look at --ids, --from, --to, --sport and --athlete; `status` counts them"
            )
        if target.form == GPX:
            result = _export_tracks(context, outgoing, target, force=force)
        else:
            known = outgoing.tables()
            wanted = [name for name in known if name not in outgoing.unreadable] if everything else names or []
            result = _export_tables(
                context, outgoing, target, wanted, selection, no_formulas=no_formulas, force=force
            )  # fmt: skip
    for name, why in outgoing.unreadable.items() if everything and target.form != GPX else ():
        context.narrator.warn(f"the view {name} cannot be read and was left out: {why}")
    _say_zones(context, zones, no_privacy=no_privacy)
    if context.as_json:
        from strava_stats.cli.output import print_json  # noqa: PLC0415

        rows = sum(one["rows"] for one in result["files"])
        stage = {"name": "export", "seconds": round(time.monotonic() - tick, 3), "calls": 0, "rows": rows}
        status = "partial" if result.get("without_track") or result.get("inside_zones") else "ok"
        print_json(report("export", status, started, [stage], zones=len(zones), **result))


def find_target(form: str | None, out: str | None, names: Sequence[str], default: Path) -> Target:
    """Where to and in which format: `--format`, else what the name of the file says, else Parquet."""
    if form is not None and form not in FORMATS:
        raise UsageError(f"--format {form[:40]!r} is not known", f"give one of {', '.join(FORMATS)}")
    if out == STDOUT:
        if form not in {"csv", "jsonl"} or len(names) != 1:
            raise UsageError("Only one table as csv or jsonl can go to standard output", "give --format csv or a --out")
        return Target(form)
    path = Path(out).expanduser().absolute() if out else default
    suffix = path.suffix.lower().removeprefix(".")
    if out and suffix in FORMATS and not path.is_dir():
        if suffix == GPX or len(names) != 1 or form not in {None, suffix}:
            raise UsageError(
                f"{path.name} can hold one table as {suffix}, nothing else"
                if suffix != GPX
                else "Tracks go into a folder, a file for each",
                "give --out a folder",
            )
        return Target(suffix, file=path)
    return Target(form or "parquet", folder=path)


def _refuse_nonsense(
    context: Context,
    target: Target,
    selection: Selection,
    names: Sequence[str],
    *,
    everything: bool,
    no_formulas: bool,
) -> None:
    if selection.first and selection.last and selection.first > selection.last:
        raise UsageError(f"--from {selection.first} is later than --to {selection.last}", "swap them")
    if target.form == GPX and names:
        raise UsageError("Tables cannot be GPX", "leave them out, or give another --format")
    if everything and (names or selection.is_by_activity):
        raise UsageError("--all and a choice exclude each other", "give one of them")
    if not (everything or names or (target.form == GPX and selection.is_by_activity)):
        raise UsageError(
            "It is not said what to export",
            "name tables, such as `strava-stats export activities`; or give --format gpx with --ids, --from, --to or "
            "--sport; or --all",
        )
    if no_formulas and target.form != "csv":
        raise UsageError("--no-formulas is for csv", "leave it out, or add --format csv")
    if context.as_json and target.is_stdout:
        raise UsageError("--json and --out - exclude each other", "give one of them")


def _split(option: str, text: str | None) -> list[str] | None:
    if text is None:
        return None
    parts = text.replace(",", " ").split()
    if not parts:
        raise UsageError(f"{option} is empty", "give one or more, separated by commas")
    return parts


def _export_tables(
    context: Context,
    outgoing: Outgoing,
    target: Target,
    wanted: Sequence[str],
    selection: Selection,
    *,
    no_formulas: bool,
    force: bool,
) -> dict[str, Any]:
    from strava_stats.files import make_folder  # noqa: PLC0415
    from strava_stats.tracks.names import distinct_names  # noqa: PLC0415
    from strava_stats.tracks.tables import query_of, stream_table, write_table  # noqa: PLC0415

    queries = {
        name: query_of(outgoing, name, target.form, selection, no_formulas=no_formulas)
        for name in map(outgoing.resolve, wanted)
    }
    if target.is_stdout:
        for query in queries.values():
            stream_table(outgoing, query, target.form, sys.stdout.buffer)
    paths = {name: target.file for name in queries if target.file}
    if target.folder:
        paths = {name: target.folder / f"{file}.{target.form}" for name, file in distinct_names(queries).items()}
    _refuse_existing(list(paths.values()), force=force)
    files = []
    for name, path in paths.items():
        make_folder(path.parent)
        rows = write_table(outgoing, queries[name], target.form, path)
        files.append({"table": name, "path": str(path), "rows": rows, "bytes": path.stat().st_size})
        if not context.as_json:
            print(path)
            context.narrator.say(f"{name}: {rows:,} rows")
    return {"files": files}


def _export_tracks(context: Context, outgoing: Outgoing, target: Target, *, force: bool) -> dict[str, Any]:
    from strava_stats.tracks.gpx import tracks, write_tracks  # noqa: PLC0415

    assert target.folder is not None
    wanted = tracks(outgoing)
    if not any(one.points for one in wanted):
        raise UsageError(
            f"None of these {len(wanted):,} activities has a track",
            "indoor and manual ones have none; `import` of a bulk export or `enrich --streams` brings the others",
        )
    _refuse_existing([target.folder / one.file_name for one in wanted if one.points], force=force)
    done = write_tracks(outgoing, wanted, target.folder, context.narrator)
    if not context.as_json:
        print(target.folder)
        context.narrator.say(f"{len(done.files):,} tracks with {sum(done.files.values()):,} points")
    _say_left_out(context, done)
    return {
        "files": [
            {"path": str(path), "rows": points, "bytes": path.stat().st_size} for path, points in done.files.items()
        ],
        "without_track": done.without_track,
        "inside_zones": done.inside_zones,
    }


def _say_left_out(context: Context, done: Written) -> None:
    for ids, why in ((done.without_track, "without a track"), (done.inside_zones, "that privacy zones hide whole")):
        if ids:
            named = ", ".join(map(str, ids[:SHOWN])) + (" …" if len(ids) > SHOWN else "")
            context.narrator.warn(f"{len(ids):,} activities {why} were left out: {named}")


def _refuse_existing(paths: Sequence[Path], *, force: bool) -> None:
    there = [] if force else [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]} is there already{more}", "add --force to replace, or give --out another folder")


def _say_zones(context: Context, zones: Sequence[Zone], *, no_privacy: bool) -> None:
    if zones:
        context.narrator.say(f"Privacy zones cut out: {len(zones)}")
    elif no_privacy and context.settings.privacy_zones:
        context.narrator.warn("Nothing was cut out (--no-privacy): the files may show where you live")
