"""The columns of activities.csv: our key, and what each is headed in the languages whose headers are known.

In the order of the widest header known (103 columns, 2026). `since` is the narrowest header that has the column, so
that the header of a width is those columns with `since` at most that. English is known in full, German but for four
columns, Dutch for all 72 columns of 2020, French for the first 21, Spanish for five.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column: `key` is its name in the rows that SQL reads; a name is None where it is not known."""

    key: str
    since: int
    en: str
    de: str | None = None
    nl: str | None = None
    fr: str | None = None
    es: str | None = None


FORMATTED = "formatted_"
"""Begins the key of a value as the site shows it (km, the language's decimals); the one without it is raw and SI."""

WIDTHS = (10, 11, 72, 77, 78, 79, 80, 86, 87, 92, 94, 99, 101, 103)

# fmt: off
COLUMNS = (
    Column("activity_id", 10, "Activity ID", "Aktivitäts-ID", "Activiteits-ID", "ID de l'activité", "ID de actividad"),
    Column("activity_date", 10, "Activity Date", "Aktivitätsdatum", "Datum van activiteit", "Date de l'activité",
           "Fecha de la actividad"),
    Column("activity_name", 10, "Activity Name", "Name der Aktivität", "Naam activiteit", "Nom de l'activité",
           "Nombre de la actividad"),
    Column("activity_type", 10, "Activity Type", "Aktivitätsart", "Activiteitstype", "Type d'activité",
           "Tipo de actividad"),
    Column("activity_description", 10, "Activity Description", "Aktivitätsbeschreibung",
           "Beschrijving van activiteit", "Description de l'activité"),
    Column("formatted_elapsed_time", 10, "Elapsed Time", "Verstrichene Zeit", "Verstreken tijd", "Temps écoulé"),
    Column("formatted_distance", 10, "Distance", "Distanz", "Afstand", "Distance"),
    Column("formatted_max_heart_rate", 86, "Max Heart Rate", "Max. Herzfrequenz", "Max. hartslag",
           "Fréquence cardiaque max."),
    Column("formatted_relative_effort", 11, "Relative Effort", "Relative Leistung", "Vergelijkbare poging",
           "Effort relatif"),
    Column("formatted_commute", 10, "Commute", "Pendeln", "Forenzenrit", "Déplacement-transport"),
    Column("activity_private_note", 86, "Activity Private Note", "Hinweis zur Privatsphäre für Aktivitäten",
           fr="Note privée sur les activités"),
    Column("activity_gear", 10, "Activity Gear", "Aktivitätsausrüstung", "Uitrusting voor activiteit",
           "Matériel utilisé pour l'activité"),
    Column("filename", 10, "Filename", "Dateiname", "Bestandsnaam", "Nom du fichier", "Nombre del archivo"),
    Column("athlete_weight", 72, "Athlete Weight", "Sportlergewicht", "Gewicht sporter", "Poids de l'athlète"),
    Column("bike_weight", 72, "Bike Weight", "Fahrradgewicht", "Gewicht fiets", "Poids du vélo"),
    Column("elapsed_time", 72, "Elapsed Time", "Verstrichene Zeit", "Verstreken tijd", "Temps écoulé"),
    Column("moving_time", 72, "Moving Time", "Bewegungszeit", "Beweegtijd", "Durée de déplacement"),
    Column("distance", 72, "Distance", "Distanz", "Afstand", "Distance"),
    Column("max_speed", 72, "Max Speed", "Höchstgeschw.", "Max. snelheid", "Vitesse max."),
    Column("average_speed", 72, "Average Speed", "Durchschnittliche Geschwindigkeit", "Gemiddelde snelheid",
           "Vitesse moyenne"),
    Column("elevation_gain", 72, "Elevation Gain", "Höhenzunahme", "Hoogteverschil", "Dénivelé positif"),
    Column("elevation_loss", 72, "Elevation Loss", "Höhenunterschied", "Hoogteverlies"),
    Column("elevation_low", 72, "Elevation Low", "Min. Höhe", "Kleinste hoogte"),
    Column("elevation_high", 72, "Elevation High", "Max. Höhe", "Grootste hoogte"),
    Column("max_grade", 72, "Max Grade", "Max. Steigung", "Max. stijgingspercentage"),
    Column("average_grade", 72, "Average Grade", "Durchschnittliche Steigung", "Gemiddeld stijgingspercentage"),
    Column("average_positive_grade", 72, "Average Positive Grade", "Durchschnittliche positive Steigung",
           "Gemiddeld positief stijgingspercentage"),
    Column("average_negative_grade", 72, "Average Negative Grade", "Durchschnittliche negative Steigung",
           "Gemiddeld negatief stijgingspercentage"),
    Column("max_cadence", 72, "Max Cadence", "Max. Tritt-/Schrittfrequenz", "Max. cadans"),
    Column("average_cadence", 72, "Average Cadence", "Durchschnittliche Trittfrequenz", "Gemiddelde cadans"),
    Column("max_heart_rate", 72, "Max Heart Rate", "Max. Herzfrequenz", "Max. hartslag", "Fréquence cardiaque max."),
    Column("average_heart_rate", 72, "Average Heart Rate", "Durchschnittliche Herzfrequenz", "Gemiddelde hartslag"),
    Column("max_watts", 72, "Max Watts", "Max. Watt", "Maximaal wattage"),
    Column("average_watts", 72, "Average Watts", "Durchschnittliche Watt", "Gemiddeld wattage"),
    Column("calories", 72, "Calories", "Kalorien", "Calorieën"),
    Column("max_temperature", 72, "Max Temperature", "Max. Temperatur", "Maximale temperatuur"),
    Column("average_temperature", 72, "Average Temperature", "Durchschnittliche Temperatur",
           "Gemiddelde temperatuur"),
    Column("relative_effort", 72, "Relative Effort", "Relative Leistung", "Vergelijkbare poging", "Effort relatif"),
    Column("total_work", 72, "Total Work", "Gesamtarbeit", "Totale arbeid"),
    Column("number_of_runs", 72, "Number of Runs", "Anzahl Läufe", "Aantal hardloopsessies"),
    Column("uphill_time", 72, "Uphill Time", "Bergaufzeit", "Tijd bergop"),
    Column("downhill_time", 72, "Downhill Time", "Bergabzeit", "Tijd bergaf"),
    Column("other_time", 72, "Other Time", "Andere Zeit", "Andere tijd"),
    Column("perceived_exertion", 72, "Perceived Exertion", "Gefühlte Anstrengung", "Ervaren inspanning"),
    Column("type", 77, "Type", "Art"),
    Column("start_time", 77, "Start Time", "Startzeit"),
    Column("weighted_average_power", 72, "Weighted Average Power", "Gewichtete durchschnittliche Leistung",
           "Gewogen gemiddeld vermogen"),
    Column("power_count", 72, "Power Count", "Leistungszahl", "Aantal vermogensgegevens"),
    Column("prefer_perceived_exertion", 72, "Prefer Perceived Exertion", "Gefühlte Anstrengung verwenden",
           "Voorkeur voor ervaren inspanning"),
    Column("perceived_relative_effort", 72, "Perceived Relative Effort", "Gefühlte relative Leistung",
           "Ervaren vergelijkbare poging"),
    Column("commute", 72, "Commute", "Pendeln", "Forenzenrit", "Déplacement-transport"),
    Column("total_weight_lifted", 72, "Total Weight Lifted", "Insgesamt gestemmtes Gewicht",
           "Totaal geheven gewicht"),
    Column("from_upload", 72, "From Upload", "Von Upload", "Van upload"),
    Column("grade_adjusted_distance", 72, "Grade Adjusted Distance", "Auf Steigung angepasste Distanz",
           "Aan stijgingspercentage aangepaste afstand"),
    Column("weather_observation_time", 72, "Weather Observation Time", "Wetterbeobachtungszeit", "Tijd weerbeeld"),
    Column("weather_condition", 72, "Weather Condition", "Wetterlage", "Weersomstandigheden"),
    Column("weather_temperature", 72, "Weather Temperature", "Wetter: Temperatur", "Buitentemperatuur"),
    Column("apparent_temperature", 72, "Apparent Temperature", "Scheinbare Temperatur", "Gevoelstemperatuur"),
    Column("dewpoint", 72, "Dewpoint", "Taupunkt", "Dauwpunt"),
    Column("humidity", 72, "Humidity", "Luftfeuchtigkeit", "Vochtigheid"),
    Column("weather_pressure", 72, "Weather Pressure", "Wetter: Druck", "Luchtdruk"),
    Column("wind_speed", 72, "Wind Speed", "Windgeschwindigkeit", "Windsnelheid"),
    Column("wind_gust", 72, "Wind Gust", "Windböe", "Windstoot"),
    Column("wind_bearing", 72, "Wind Bearing", "Windrichtung", "Windrichting"),
    Column("precipitation_intensity", 72, "Precipitation Intensity", "Niederschlagsintensität",
           "Neerslagintensiteit"),
    Column("sunrise_time", 72, "Sunrise Time", "Sonnenaufgangszeit", "Tijd zonsopgang"),
    Column("sunset_time", 72, "Sunset Time", "Sonnenuntergangszeit", "Tijd zonsondergang"),
    Column("moon_phase", 72, "Moon Phase", "Mondphase", "Maanstand"),
    Column("bike", 72, "Bike", "Fahrrad", "Fiets"),
    Column("gear", 72, "Gear", "Ausrüstung", "Uitrusting"),
    Column("precipitation_probability", 72, "Precipitation Probability", "Niederschlagswahrscheinlichkeit",
           "Kans op neerslag"),
    Column("precipitation_type", 72, "Precipitation Type", "Niederschlagsart", "Type neerslag"),
    Column("cloud_cover", 72, "Cloud Cover", "Wolkendecke", "Bewolking"),
    Column("weather_visibility", 72, "Weather Visibility", "Wetter: Sichtbarkeit", "Zicht"),
    Column("uv_index", 72, "UV Index", "UV-Index", "UV-index"),
    Column("weather_ozone", 72, "Weather Ozone", "Wetter: Ozon", "Ozonwaarde"),
    Column("jump_count", 77, "Jump Count", "Sprunganzahl"),
    Column("total_grit", 77, "Total Grit", "Schwierigkeit insgesamt"),
    Column("average_flow", 77, "Average Flow", "Durchschnittlicher Flow"),
    Column("flagged", 78, "Flagged", "Markiert"),
    Column("average_elapsed_speed", 79, "Average Elapsed Speed",
           "Durchschnittsgeschwindigkeit im Aufzeichnungszeitraum"),
    Column("dirt_distance", 80, "Dirt Distance", "Auf Schotter zurückgelegte Distanz"),
    Column("newly_explored_distance", 86, "Newly Explored Distance", "Neu getestete Distanz"),
    Column("newly_explored_dirt_distance", 86, "Newly Explored Dirt Distance", "Neu getestete Schotterdistanz"),
    Column("activity_count", 86, "Activity Count", "Aktivitätsanzahl"),
    Column("total_steps", 87, "Total Steps", "Schritte insgesamt"),
    Column("carbon_saved", 92, "Carbon Saved", "Eingesparte CO₂-Emissionen"),
    Column("pool_length", 92, "Pool Length", "Pool-Länge"),
    Column("training_load", 92, "Training Load", "Trainingsbelastung"),
    Column("intensity", 92, "Intensity", "Intensität"),
    Column("average_grade_adjusted_pace", 92, "Average Grade Adjusted Pace",
           "Durchschnittliches auf Steigung angepasstes Tempo"),
    Column("timer_time", 94, "Timer Time", "Stoppuhr-Zeit"),
    Column("total_cycles", 94, "Total Cycles", "Zyklen gesamt"),
    Column("recovery", 99, "Recovery", "Regeneration"),
    Column("with_pet", 99, "With Pet", "Mit Haustier"),
    Column("competition", 99, "Competition", "Wettbewerb"),
    Column("long_run", 99, "Long Run", "Langer Lauf"),
    Column("for_a_cause", 99, "For a Cause", "Für einen guten Zweck"),
    Column("with_kid", 101, "With Kid"),
    Column("downhill_distance", 101, "Downhill Distance"),
    Column("total_sets", 103, "Total Sets"),
    Column("total_reps", 103, "Total Reps"),
    Column("media", 86, "Media", "Medien"),
)
# fmt: on

LANGUAGES = ("en", "de", "nl", "fr", "es")

ENGLISH_VARIANTS = {
    "Avg Flow": "average_flow",
    "Avg Elapsed Speed": "average_elapsed_speed",
    "Sport Type": "exported_sport_type",  # in 2023 at the place where Activity Count stands now
}

SHORT_FORM = {
    "id": "activity_id",
    "date": "activity_date",
    "name": "activity_name",
    "type": "activity_type",
    "description": "activity_description",
    "elapsed_time": "elapsed_time",
    "distance": "distance",  # in metres, unlike the Distance that stands at its place later
    "commute": "formatted_commute",
    "gear": "activity_gear",
    "filename": "filename",
}
"""The header of 2018, whose Distance is raw."""

SAME_PLACE = {"exported_sport_type": "activity_count"}
OTHER_WAY_ROUND = frozenset({"max_cadence", "average_cadence"})
"""The two stand the other way round in the Dutch header, so that their place tells nothing in one of that width."""
