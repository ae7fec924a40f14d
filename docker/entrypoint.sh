#!/bin/sh
# `sh …` is a shell. Anything else goes to strava-stats; options alone go to the command of the Compose service.
set -eu
case ${1:-} in
  sh | /bin/sh) exec "$@" ;;
  '' | -*) exec strava-stats ${STRAVA_STATS_COMMAND:+"$STRAVA_STATS_COMMAND"} "$@" ;;
  *) exec strava-stats "$@" ;;
esac
