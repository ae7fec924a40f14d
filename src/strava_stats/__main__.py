"""`python -m strava_stats`: the same as the console script."""

from strava_stats.cli import main

if __name__ == "__main__":
    main()
