"""strava-stats by Airflow 3.3 or newer: pull → compact → enrich once a day, for each athlete.

Copy this file into the DAG folder under a name of your own (strava_stats_msrvc.py). It needs nothing but Airflow and
the command line of strava-stats, which lives in an environment of its own. These variables of the environment set it,
for Airflow's DAG processor, scheduler and workers alike; STRAVA_STATS_ stands before each:

    COMMAND        the command, which may be a template ({{ var.value.strava_stats_command }} is an Airflow variable);
                   default strava-stats. Usually the path of .venv/bin/strava-stats in the checkout
    ATHLETES       athlete ids, separated by commas; default: all of them, in one group
    SCHEDULE       five cron fields; default 0 5 * * *
    TIMEZONE       its time zone; default Europe/London
    ENRICH_ARGS    options for enrich; default none
    RETRIES        tries after the first, for exit codes 69, 75 and 130; default 4
    RETRY_MINUTES  minutes between two tries; default 15, which is Strava's shorter rate window
    DEADLINE_HOURS a run that is not done so long after it was queued raises the alarm; default 3, and 0 for never.
                   `airflow dags test` needs 0: up to 3.3.2 it stumbles over any deadline once all tasks are done
                   (apache/airflow#73428); the scheduler does not
    ALERT_COMMAND  what raises it, with the message as its last argument: apprise mailto://… -b; default: a line in
                   the scheduler's log

Exit codes decide: 69 (Strava unreachable), 75 (try again later) and 130 (interrupted) are tried again, and so is a
command that was killed; everything else (2 usage, 65 corrupt data, 77 not authorised, 78 configuration) waits for a
person, and fails at once. A run that was missed is not made up for: the next one fetches whatever is new.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import (
    DAG,
    BaseOperator,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    SyncCallback,
    TaskGroup,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException

DAG_ID = "strava_stats_msrvc"
TRANSIENT = {69: "Strava unreachable", 75: "try again later", 130: "interrupted"}
FINAL = {1: "a bug", 2: "usage", 65: "corrupt data", 77: "not authorised", 78: "configuration"}


def setting(name: str, default: str) -> str:
    """A setting. Airflow's variables are out of reach here: this file is also read where a deadline is dealt with."""
    return os.environ.get(f"STRAVA_STATS_{name}", "").strip() or default


def words(command: str) -> list[str]:
    """A command line as its words; the path of a file may hold blanks."""
    return [command] if Path(command).is_file() else shlex.split(command)


class StravaStats(BaseOperator):
    """Run the command with some arguments; its last line and its exit code tell how it went."""

    template_fields = ("command", "arguments")

    def __init__(self, *, command: str, arguments: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.command = command
        self.arguments = arguments
        self.process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Hand the command's lines to the task's log, then judge its exit code."""
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the command of the settings
                [*words(self.command), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise AirflowFailException(
                f"{self.command} cannot be run ({error.strerror}) — set STRAVA_STATS_COMMAND to its full path"
            ) from error
        last = ""
        with self.process as process:
            for line in process.stdout or ():
                last = line.strip() or last
                self.log.info("%s", line.rstrip())
        judge(process.returncode, last)

    def on_kill(self) -> None:
        """Airflow ends the task: so does the command, which keeps what it has fetched."""
        if self.process is not None:
            self.process.terminate()


def judge(code: int, last: str) -> None:
    """Pass at 0; else fail, with another try where one may help."""
    if code in TRANSIENT:
        raise AirflowException(f"exit code {code} ({TRANSIENT[code]}): {last}")
    if code < 0:
        raise AirflowException(f"killed by {signal.Signals(-code).name}: {last}")
    if code != 0:
        raise AirflowFailException(f"exit code {code} ({FINAL.get(code, 'unexpected')}): {last}")


def raise_alarm() -> None:
    """The deadline has passed: say so in the log, and through ALERT_COMMAND where there is one."""
    message = f"{DAG_ID}: the run is not done in time — look at its tasks, and at what `strava-stats status` says"
    logging.getLogger(__name__).error(message)
    command = setting("ALERT_COMMAND", "")
    if command:
        subprocess.run([*words(command), message], check=True, stdin=subprocess.DEVNULL)  # noqa: S603 - of the settings


def deadline() -> DeadlineAlert | None:
    """When to raise the alarm; None for never."""
    hours = float(setting("DEADLINE_HOURS", "3"))
    if not hours:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=SyncCallback(raise_alarm),
    )


def add_group(name: str, of_whom: list[str]) -> None:
    """Pull, compact and enrich, one after the other."""
    command = setting("COMMAND", "strava-stats")
    enrich_args = shlex.split(setting("ENRICH_ARGS", ""))
    with TaskGroup(name):
        pull = StravaStats(task_id="pull", command=command, arguments=[*of_whom, "pull"])
        compact = StravaStats(task_id="compact", command=command, arguments=[*of_whom, "compact"])
        enrich = StravaStats(task_id="enrich", command=command, arguments=[*of_whom, "enrich", *enrich_args])
        pull >> compact >> enrich


zone = setting("TIMEZONE", "Europe/London")
with DAG(
    dag_id=DAG_ID,
    description="Strava to Parquet and DuckDB",
    schedule=CronTriggerTimetable(setting("SCHEDULE", "0 5 * * *"), timezone=zone),
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)),
    catchup=False,  # one run fetches whatever was missed
    max_active_runs=1,
    max_active_tasks=1,  # one writer at a time; while one athlete's task waits for its next try, the others go on
    default_args={
        "retries": int(setting("RETRIES", "4")),
        "retry_delay": timedelta(minutes=float(setting("RETRY_MINUTES", "15"))),
        "weight_rule": "upstream",  # an athlete whose turn has begun is done before the next one's begins
    },
    deadline=deadline(),
    tags=["strava"],
):
    athletes = [one.strip() for one in setting("ATHLETES", "").split(",") if one.strip()]
    for athlete in athletes:
        add_group(f"athlete_{athlete}", ["--athlete", athlete])
    if not athletes:
        add_group("all_athletes", [])
