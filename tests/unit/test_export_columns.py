"""Headers of activities.csv: every known width and language, and what becomes of one that is not known."""

from __future__ import annotations

import pytest
from docs.generate_columns import main as generate

from strava_stats.export.column_names import COLUMNS, LANGUAGES, SHORT_FORM, WIDTHS
from strava_stats.export.columns import Columns, layout, recognise

MISSING = "translation missing: en-US.lib.export.portability_exporter.activities.horton_values."
BY_KEY = {column.key: column for column in COLUMNS}


def english(width: int) -> list[str]:
    return [BY_KEY[key].en for key in layout(width)] if width > 10 else list(SHORT_FORM)


def named(language: str, width: int, other: str = "?") -> list[str]:
    """A header in a language, `other` and a number where its name is not known."""
    names = [getattr(BY_KEY[key], language) for key in layout(width)]
    return [name or f"{other}{place}" for place, name in enumerate(names)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_english_width_is_known_by_name(width: int) -> None:
    """An English header of a known width has that many columns, each known by its name, in the order of the width."""
    header = english(width)
    columns = recognise(header)
    assert len(header) == columns.width == columns.by_name == width
    assert columns.keys == layout(width)
    assert (columns.by_position, columns.unknown) == ((), ())
    assert columns.language == ("en_2018" if width == 10 else "en")


def test_distance_of_2018_is_raw() -> None:
    """The header of 2018 has its distance in metres, the one of 2020 in kilometres."""
    assert recognise(list(SHORT_FORM)).keys[6] == "distance"
    assert recognise(english(11)).keys[6] == "formatted_distance"


def test_repeated_names_are_told_apart_by_their_block() -> None:
    """Up to Filename a value is formatted, behind it raw, also where its name stands once."""
    keys = recognise(english(103)).keys
    assert keys.index("formatted_max_heart_rate") < keys.index("filename") < keys.index("max_heart_rate")
    assert recognise(english(77)).keys.count("max_heart_rate") == 1
    assert "formatted_max_heart_rate" not in recognise(english(77)).keys


def test_without_filename_the_occurrence_decides() -> None:
    """A table without its Filename column has its first Distance formatted and its second one raw."""
    columns = recognise(["Activity ID", "Distance", "Moving Time", "Distance", "Distance"])
    assert columns.keys == ("activity_id", "formatted_distance", "moving_time", "distance", None)
    assert columns.unknown == ("Distance (3)",)


def test_data_frame_libraries_rename_the_second() -> None:
    """`Distance.1` is the raw distance, wherever it stands, and in every language."""
    header = [f"{name}.1" if name in english(94)[:place] else name for place, name in enumerate(english(94))]
    assert "Elapsed Time.1" in header
    assert recognise(header).keys == layout(94)
    assert recognise(["Distanz.1", "Aktivitäts-ID", "Distanz"]).keys == (
        "distance",
        "activity_id",
        "formatted_distance",
    )


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        (f"{MISSING}jump_count", "jump_count"),
        (f'<span class="translation_missing" title="{MISSING}avg_flow">Avg Flow</span>', "average_flow"),
        (f'<span class="translation_missing" title="{MISSING}sport_type">Sport Type</span>', "exported_sport_type"),
        ("translation missing: pt-BR.lib.export.activities.horton_values.start_time", "start_time"),
        ("\ufeffJump  Count ", "jump_count"),
        ("JUMP COUNT", "jump_count"),
        ("Avg Elapsed Speed", "average_elapsed_speed"),
    ],
)
def test_headers_that_strava_or_a_spreadsheet_spoilt(cell: str, key: str) -> None:
    """A header that was not translated, is HTML, or is written with other blanks and letters is known all the same."""
    assert recognise(["Activity ID", cell]).keys == ("activity_id", key)


def test_untranslated_headers_are_known_in_any_language() -> None:
    """They hold Strava's own key, so that they are known where nothing else is."""
    columns = recognise(["ID attività", f"{MISSING}flagged", "Distanza"])
    assert columns.keys == (None, "flagged", None)


def test_apostrophes_and_accents_are_folded() -> None:
    """The French apostrophe comes straight and curled, accents composed and not, CO₂ with and without its index."""
    assert recognise(["ID de l\N{RIGHT SINGLE QUOTATION MARK}activité", "Vitesse max."]).language == "fr"
    assert recognise(["Aktivita\u0308ts-ID", "Eingesparte CO2-Emissionen"]).keys == ("activity_id", "carbon_saved")


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
@pytest.mark.parametrize("width", [11, 77, 80, 92, 99, 103])
def test_names_first_then_places(language: str, width: int) -> None:
    """In a language that is known in part what has a name is known by it, and the rest by its place."""
    columns = recognise(named(language, width))
    assert columns.language == language
    assert columns.keys == layout(width)
    assert columns.by_name == sum(getattr(BY_KEY[key], language) is not None for key in layout(width))
    assert columns.unknown == ()


def test_unknown_language_is_read_by_places() -> None:
    """A header in a language that nobody has described is read by its width, and says so."""
    columns = recognise([f"colonna {place}" for place in range(103)])
    assert (columns.language, columns.keys, columns.by_name) == (None, layout(103), 0)
    assert columns.by_position == layout(103)


def test_one_word_is_no_language() -> None:
    """A word that English shares (Media, Distance) makes no header English: the id has to be known."""
    columns = recognise(["ID attività", "Distance", "Media"])
    assert (columns.language, columns.keys) == (None, (None, None, None))


def test_unknown_width_is_not_guessed() -> None:
    """Unknown cells of a header whose width nobody has seen are unknown, under their own names."""
    columns = recognise([*named("de", 103), "Neue Spalte"])
    assert columns.width == 104
    assert columns.unknown == ("?98", "?99", "?100", "?101", "Neue Spalte")


def test_moved_columns_are_not_placed() -> None:
    """Where a column with a known name stands at another one's place, places tell nothing."""
    header = named("de", 103)
    header[0], header[1] = header[1], header[0]
    columns = recognise(header)
    assert columns.by_position == ()
    assert columns.keys[:2] == ("activity_date", "activity_id")
    assert len(columns.unknown) == 4


def test_dutch_cadences_stand_the_other_way_round() -> None:
    """By name they are right, and by the place in a header of that width they are not guessed."""
    header = named("nl", 72)
    one, other = layout(72).index("max_cadence"), layout(72).index("average_cadence")
    header[one], header[other] = header[other], header[one]
    assert recognise(header).keys[one] == "average_cadence"
    wider = named("nl", 92)
    wider[one + 2], wider[other + 2] = wider[other + 2], wider[one + 2]
    assert recognise(wider).keys[one + 2] == "average_cadence"
    assert recognise(wider).unknown == ()
    unnamed = recognise([f"kolom {place}" for place in range(72)])
    assert unnamed.unknown == (f"kolom {one}", f"kolom {other}")


def test_headers_in_extra_are_distinct() -> None:
    """Cells without a name are numbered, names that stand twice are counted."""
    columns: Columns = recognise(["Activity ID", "", "New", "New", " "])
    assert columns.headers == ("Activity ID", "column 2", "New", "New (2)", "column 5")


def test_tables_of_the_documentation_are_up_to_date() -> None:
    """docs/import-columns.md shows what is recognised in each width and language."""
    assert generate(["--check"]) == 0


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (english(11), "11 columns (en): 11 known by name"),
        (
            named("de", 103),
            "103 columns (de): 99 known by name, 4 by place (with_kid, downhill_distance, total_sets, total_reps)",
        ),
        (["Activity ID", "New", "Newer"], "3 columns (en): 1 known by name, 2 not known (New, Newer)"),
        (
            ["?"] * 11,
            (
                "11 columns (unknown language): 0 known by name, 11 by place (activity_id, activity_date, "
                "activity_name, activity_type, activity_description and 6 more)"
            ),
        ),
    ],
)
def test_what_is_said_of_a_header(header: list[str], text: str) -> None:
    """One line says how the columns were recognised, and which were not."""
    assert str(recognise(header)) == text
