"""The Strava API and nothing else: calls, budget, tokens. Knows neither the lake nor the warehouse."""
