#!/bin/sh
# logs.sh latest [options of tail]: the newest flow's log · logs.sh clean: delete plain, JSONL and scheduler logs
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/settings.sh"
logs=$(path_setting LOGS_DIR logs)
case ${1:-} in
  latest)
    shift
    [ -e "$logs/flow/latest.log" ] || fail 78 "There is no log of a flow in $logs yet" 'run `make flow` first'
    exec tail -n 200 "$@" "$logs/flow/latest.log"
    ;;
  clean)
    rm -rf -- "$logs/flow" "$logs/scheduler"/cron-*.log
    # A scheduler that runs has this one open.
    [ ! -f "$logs/scheduler/cron.log" ] || : >"$logs/scheduler/cron.log"
    ;;
  *) fail 2 'logs.sh knows latest and clean' 'give one of them' ;;
esac
