#!/bin/sh
# Docker Compose with what it has to know of this host: who you are, where your folders are, CA files and proxies.
#   scripts/dc.sh build                        both images
#   scripts/dc.sh run --rm pull --lite         one step; `run --rm flow status` any other command
#   scripts/dc.sh run --rm flow sh -lc 'id'    a shell instead
#   scripts/dc.sh up --detach scheduler        and logs, ps, exec, down … as Compose knows them
# HOST_UID and HOST_GID may be set: files are then written as that user.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/scripts/settings.sh"
cd "$root"

if docker compose version >/dev/null 2>&1; then
  compose() { docker compose "$@"; }
elif docker-compose version --short 2>/dev/null | grep -q '^v\{0,1\}[2-9]'; then
  compose() { docker-compose "$@"; }
else
  fail 78 'Docker Compose 2 was not found' 'install the Compose plugin of Docker, or use RUNNER=local'
fi

# In a rootless engine (Docker or Podman) uid 0 inside is you outside, and every other uid is nobody you know.
if [ -z "${HOST_UID:-}" ]; then
  engine=$(docker info --format '{{.SecurityOptions}}' 2>/dev/null ||
    docker info --format 'name=rootless:{{.Host.Security.Rootless}}' 2>/dev/null || true)
  case $engine in
    *name=rootless:false*) HOST_UID=$(id -u) HOST_GID=$(id -g) ;;
    *name=rootless*) HOST_UID=0 HOST_GID=0 ;;
    *) HOST_UID=$(id -u) HOST_GID=$(id -g) ;;
  esac
fi
HOST_GID=${HOST_GID:-$HOST_UID}
export HOST_UID HOST_GID

# Made here, because Docker would make them as root.
owned() { [ "$(id -u)" != 0 ] || [ "$HOST_UID" = 0 ] || chown "$HOST_UID:$HOST_GID" "$1"; }
folder() {
  [ -d "$1" ] || { mkdir -p -m "$2" -- "$1" && owned "$1"; }
}
DATA_DIR=$(path_setting DATA_DIR data)
SECRETS_DIR=$(path_setting SECRETS_DIR secrets)
LOGS_DIR=$(path_setting LOGS_DIR logs)
export DATA_DIR SECRETS_DIR LOGS_DIR
folder "$DATA_DIR" 755
folder "$SECRETS_DIR" 700
folder "$LOGS_DIR" 755
folder backups 700
case " $* ${COMPOSE_PROFILES:-} " in *logs*) folder "$LOGS_DIR/shipper" 700 ;; esac
[ -e .env ] || { (umask 077 && : >.env) && owned .env; }

# The container does not see this system's trust store. The file of the setting is mounted, or the user's own.
ca=
for name in REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE; do
  [ -z "$ca" ] && [ -n "$(setting "$name" '')" ] || continue
  ca=$(path_setting "$name" '')
  [ -f "$ca" ] || fail 78 "$name='$(setting "$name" '')' is not valid" \
    "set $name to the path of an existing PEM file, or leave it empty, in .env or the environment"
done
for file in "$SECRETS_DIR/corp-bundle.pem" "$SECRETS_DIR/corp-root.pem"; do
  [ -n "$ca" ] || [ ! -f "$file" ] || ca=$file
done
if [ -n "$ca" ]; then
  export STRAVA_STATS_CA="$ca" STRAVA_STATS_CA_INSIDE=/etc/strava-stats-ca.pem
fi

# `auth --listen`: the browser comes back to this port of the host.
uri=$(setting STRAVA_REDIRECT_URI http://localhost/exchange_token)
port=$(printf '%s\n' "$uri" | sed -n 's!^http://[^/]*:\([0-9][0-9]*\)\(/.*\)\{0,1\}$!\1!p')
export STRAVA_STATS_LISTEN_PORT="${port:-8765}"

for name in LOGS_TARGET LOKI_HOST LOKI_PORT LOKI_TLS LOKI_USER LOKI_PASSWORD \
  OPENSEARCH_HOST OPENSEARCH_PORT OPENSEARCH_TLS OPENSEARCH_USER OPENSEARCH_PASSWORD OPENSEARCH_INDEX \
  AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN CLOUDWATCH_GROUP CLOUDWATCH_STREAM; do
  value=$(setting "$name" '')
  [ -z "$value" ] || export "$name=$value"
done

STRAVA_STATS_BUILD=$(build_name)
export STRAVA_STATS_BUILD
# Two checkouts are two projects, whatever their folders are called.
COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-strava-stats-$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)}
export COMPOSE_PROJECT_NAME
# .env is read by strava-stats alone, so that both runners understand it alike.
run_compose() { compose --env-file /dev/null "$@"; }

case ${1:-} in
  build)
    if [ "$#" = 1 ]; then # the second stands on the first
      run_compose build flow
      set -- build scheduler
    fi
    ;;
  run | exec)
    verb=$1
    shift
    for argument in "$@"; do
      [ "$verb-$argument" != run---listen ] || { set -- --service-ports "$@" && break; }
    done
    { [ -t 0 ] && [ -t 1 ]; } || set -- -T "$@"
    set -- "$verb" "$@"
    ;;
esac
run_compose "$@"
