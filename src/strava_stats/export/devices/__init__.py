"""Device files (FIT, GPX, TCX) → samples and facts.

    content.py    bytes of one member, bounded        parse.py   bytes → samples and facts
    fit_scan.py   FIT messages → offsets              shape.py   columns of any format → the common samples
    fit.py gpx.py tcx.py   one format → Recording     pool.py    many files over the cores, each on its own

Nothing here writes a file or knows the warehouse.
"""

PARSER_VERSION = "1"
"""Changes whenever the same bytes may give other samples or facts, so that files are parsed anew."""
