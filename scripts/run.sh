#!/bin/sh
# Where a make target runs: in Docker Compose where an engine answers, else in the virtual environment of this folder.
#   scripts/run.sh cli ARGUMENTS…              strava-stats ARGUMENTS…
#   scripts/run.sh build | schedule-up | …     the targets of that name
# RUNNER=docker or RUNNER=local decides it.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/settings.sh"
cd "$root"
cli=.venv/bin/strava-stats
image=${STRAVA_STATS_IMAGE_NAME:-strava-stats-msrvc}

engine_answers() { docker info >/dev/null 2>&1; }

runner=$(setting RUNNER '')
case $runner in
  docker) engine_answers || fail 78 'No Docker engine answers' 'start Docker, or use RUNNER=local' ;;
  local) ;;
  '') if engine_answers; then runner=docker; else runner=local; fi ;;
  *) fail 78 "RUNNER='$runner' is not valid" 'set RUNNER to docker or local, or leave it empty' ;;
esac
if [ -z "${STRAVA_STATS_RUNNER_SAID:-}" ]; then
  case $runner in
    docker) echo 'Runner: Docker Compose (RUNNER=local: the virtual environment)' >&2 ;;
    local) echo 'Runner: the virtual environment in .venv (RUNNER=docker: Docker Compose)' >&2 ;;
  esac
fi
export RUNNER="$runner" STRAVA_STATS_RUNNER_SAID=1

dc() { sh scripts/dc.sh "$@"; }
made() { "${MAKE_PROGRAM:-make}" --silent --no-print-directory .venv/made; }
# Images are renewed as the virtual environment is: when what they are made of has changed.
built() {
  found=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' "$1:local" \
    2>/dev/null || true)
  [ "$found" = "$(build_name)" ] || { echo "Building the image $1 …" >&2 && dc build --quiet "$2" >&2; }
}
images() {
  built "$image" flow
  built "$image-scheduler" scheduler
}

target=$1
shift
case $runner:$target in
  docker:build | docker:schedule-build) dc build ;;
  local:build | local:schedule-build) made ;;

  docker:cli)
    built "$image" flow
    case ${1:-} in auth | pull | compact | enrich | flow) service=$1 ;; *) service=flow ;; esac
    dc run --rm "$service" "$@"
    ;;
  local:cli) made && exec "$cli" "$@" ;;

  *:import)
    archive=$1
    shift
    [ -n "$archive" ] || fail 2 'ARCHIVE is not set' 'make import ARCHIVE=path of the ZIP or folder from Strava'
    [ -e "$archive" ] || fail 2 "There is no $archive" 'give the path of the ZIP or folder from Strava'
    if [ "$runner" = local ]; then made && exec "$cli" import "$archive" "$@"; fi
    name=$(basename -- "$archive")
    archive=$(CDPATH='' cd -- "$(dirname -- "$archive")" && pwd)/$name
    built "$image" flow
    # Its own place inside, because it may lie anywhere outside.
    dc run --rm --volume "$archive:/import/$name:ro" flow import "/import/$name" "$@"
    ;;

  docker:schedule-up) images && dc up --detach scheduler ;;
  docker:schedule-down) dc rm --stop --force scheduler ;;
  docker:schedule-restart) images && dc up --detach --force-recreate scheduler ;;
  docker:schedule-logs) dc logs --tail 200 "$@" scheduler ;;
  docker:schedule-ps) dc ps --all "$@" scheduler ;;
  docker:schedule-exec) dc exec scheduler strava-stats schedule --now "$@" ;;
  docker:schedule-time) dc exec scheduler strava-stats schedule --next "$@" ;;
  docker:schedule-doctor) dc exec scheduler strava-stats schedule --doctor "$@" ;;
  docker:schedule-shell) dc exec scheduler /bin/sh "$@" ;;

  local:schedule-up) made && exec "$cli" schedule --start "$@" ;;
  local:schedule-down) made && exec "$cli" schedule --stop "$@" ;;
  local:schedule-restart) made && { "$cli" schedule --stop; exec "$cli" schedule --start "$@"; } ;;
  local:schedule-logs) exec tail -n 200 "$@" "$(path_setting LOGS_DIR logs)/scheduler/cron.log" ;;
  local:schedule-ps) made && exec "$cli" schedule --health "$@" ;;
  local:schedule-exec) made && exec "$cli" schedule --now "$@" ;;
  local:schedule-time) made && exec "$cli" schedule --next "$@" ;;
  local:schedule-doctor) made && exec "$cli" schedule --doctor "$@" ;;
  local:schedule-shell) made && PATH=$root/.venv/bin:$PATH exec /bin/sh "$@" ;;

  *) fail 2 "There is no target $target" "\`make help\` lists them" ;;
esac
