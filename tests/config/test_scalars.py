import pytest

from reconciler.config import scalars

CORE = {
    # text that YAML 1.1 takes for something else
    "NO": "NO",
    "no": "no",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "12:30": "12:30",
    "12:30:45": "12:30:45",
    "2026-01-01": "2026-01-01",
    "1_000": "1_000",
    "0b101": "0b101",
    "1,5": "1,5",
    "nUlL": "nUlL",
    "tRue": "tRue",
    "=": "=",
    "-": "-",
    "+": "+",
    ".": ".",
    "..": "..",
    "0x": "0x",
    "0o8": "0o8",
    "0xG": "0xG",
    "-0o7": "-0o7",
    "e5": "e5",
    "1e": "1e",
    "NaN": "NaN",
    "inf": "inf",
    "1 2": "1 2",
    "\uff11\uff12": "\uff11\uff12",
    # nothing
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    # truth
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    # numbers
    "0": 0,
    "-0": 0,
    "12": 12,
    "012": 12,
    "+12": 12,
    "-12": -12,
    "0o17": 15,
    "0xfF": 255,
    "1.5": 1.5,
    "-1.5": -1.5,
    "1.": 1.0,
    ".5": 0.5,
    "+.5": 0.5,
    "1e3": 1000.0,
    "1E-3": 0.001,
    "1.5e+3": 1500.0,
    "999999999999999999": 999999999999999999,
}


@pytest.mark.parametrize("text", CORE)
def test_a_plain_scalar_means_what_yaml_1_2_says(text):
    """YAML 1.2's core schema: `NO` is Norway, `012` is twelve, `12:30` is text."""
    value = scalars.resolve(text)
    assert (type(value), value) == (type(CORE[text]), CORE[text])


@pytest.mark.parametrize(
    "text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", ".NAN", "1e999", "-1e999", "1" * 19, "-" + "1" * 5000]
)
def test_a_number_that_can_not_be_held_is_refused(text):
    """Infinite, not a number, or of more digits than any figure here needs."""
    with pytest.raises(scalars.NumberRefused):
        scalars.resolve(text)
