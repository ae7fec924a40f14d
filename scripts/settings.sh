# For the other scripts, which set `root` and then read this file: settings as strava-stats itself reads them.

# setting NAME DEFAULT: the environment first, then .env, then DEFAULT; blank counts as not set.
setting() {
  eval "setting_value=\${$1-}"
  case $setting_value in
    *[![:space:]]*) ;;
    *) setting_value=$(env_file_value "$1") ;;
  esac
  printf '%s\n' "${setting_value:-$2}"
}

env_file_value() {
  [ -f "$root/.env" ] || return 0
  { cat "$root/.env" && echo; } | # the last line may have no end
    LC_ALL=C sed -n "s/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" |
    tail -n 1 |
    LC_ALL=C sed -e "s/$(printf '\r')\$//" -e "s/^'\([^']*\)'.*/\1/" -e t -e 's/^"\([^"]*\)".*/\1/' -e t \
      -e 's/[[:space:]]#.*$//' -e 's/[[:space:]]*$//'
}

# path_setting NAME DEFAULT: the same as an absolute path; a relative one counts from the repo root.
path_setting() {
  path_value=$(setting "$1" "$2")
  case $path_value in
    '~') path_value=$HOME ;;
    '~/'*) path_value=$HOME/${path_value#'~/'} ;;
  esac
  case $path_value in
    /*) ;;
    *) path_value=$root/${path_value#./} ;;
  esac
  printf '%s\n' "$path_value"
}

# build_name: version and checksum of everything that goes into the images.
build_name() {
  (
    cd "$root"
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/strava_stats/__init__.py)
    sum=$(find Dockerfile docker/entrypoint.sh docker/scheduler requirements.txt pyproject.toml src \
      -type f ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort -k 3 | cksum | cut -d ' ' -f 1)
    printf '%s+%s\n' "$version" "$sum"
  )
}

# fail CODE WHAT CURE: one line, as strava-stats itself says it.
fail() {
  printf 'strava-stats: %s — %s\n' "$2" "$3" >&2
  exit "$1"
}
