#!/bin/sh
# The flow on this host, for a cron, launchd or task scheduler of your own: strava-stats flow with what is given.
# RUNNER=docker runs it in a container instead.
set -eu
exec env RUNNER="${RUNNER:-local}" sh "$(dirname -- "$0")/run.sh" cli flow --verbose "$@"
