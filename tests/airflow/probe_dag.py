"""Run by Airflow's own Python: what Airflow makes of the example DAG, as one JSON object on the last line."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

LONDON = ZoneInfo("Europe/London")
NIGHTS = {"spring": ("2027-03-27", "2027-03-30"), "autumn": ("2027-10-30", "2027-11-02")}


def main(folder: Path) -> None:
    """Parse the folder and look at the DAG as the scheduler sees it."""
    bag = DagBag(folder)
    dag = bag.dags["strava_stats_msrvc"]
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    facts = {
        "import_errors": bag.import_errors,
        "one_at_a_time": [scheduled.catchup, scheduled.max_active_runs, scheduled.max_active_tasks],
        "deadline_hours": [alert.interval.total_seconds() / 3600 for alert in dag.deadline or ()],
        "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in scheduled.tasks},
        "retries": {task.task_id: [task.retries, task.retry_delay.total_seconds()] for task in scheduled.tasks},
        "commands": {task.task_id: [task.command, *task.arguments] for task in dag.tasks},
    }
    for season, days in NIGHTS.items():
        first, last = (datetime.fromisoformat(day).replace(tzinfo=LONDON) for day in days)
        due = scheduled.iter_dagrun_infos_between(first, last)
        facts[season] = [info.run_after.astimezone(LONDON).isoformat() for info in due]
    print(json.dumps(facts))  # noqa: T201 - a script that prints


main(Path(sys.argv[1]))
