"""Whatever the layout of a file, an addition inserts and changes nothing else, or is refused.

Files are put together at random, from a seed, of every form that an entry, a list, a text and a comment
can have.
"""

import random
import re

import pytest

from reconciler import config
from reconciler.config import adding, reader
from reconciler.errors import UsageError

ITEMS = (
    "EMS",
    "office",
    "'A_B'",
    '"Q_R"',
    "{sku: EMS, disable: [INTUNE_A], until: 2027-01-31}",
    "{one_of: [SPE_E5, {sku: SPE_E3, enable: [Y]}]}",
    "{bundle: office, from: 2027-01-01}",
    "VISIOCLIENT",
)
TEXTS = ("plain\n{}  goes on", "|\n{} block\n", ">-\n{} folded", '"quoted\n{}  more"')


class Writer:
    """Writes files as many hands would."""

    def __init__(self, seed):
        self.random = random.Random(seed)  # noqa: S311  no secret: a test's own dice
        self.one = self.random.choice

    def sometimes(self, text, share=0.3):
        """Return the text, or nothing."""
        return text if self.random.random() < share else ""

    def comment(self):
        """Return a comment for the end of a line, or nothing."""
        return self.one(("", "", "", "  # c, ] }", "   # 'x"))

    def licences(self, indent):
        """Return the value of `licenses`, whose key stands at `indent`."""
        items = self.random.sample(ITEMS, self.random.randint(0, 3))
        style = self.one(("line", "block", "lines", "ragged")) if items else "line"
        pad = " " * (indent + 2)
        if style == "line":
            comma = self.sometimes(self.one((",", " , "))) if items else ""
            return f" [{self.one((', ', ' , ', ',')).join(items)}{comma}]{self.comment()}\n"
        if style == "block":
            dash = " " * (indent + self.one((0, 2, 4)))
            return self.comment() + "\n" + "".join(f"{dash}- {one}{self.comment()}\n" for one in items)
        if style == "lines":
            last = self.sometimes(",", 0.5)
            rows = [f"{one}," for one in items[:-1]] + [items[-1] + last]
            body = "".join(f"{pad}{row}{self.comment()}\n" for row in rows)
            return f" [{self.comment()}\n{body}{' ' * indent}]{self.comment()}\n"
        before = "".join(f"{one}, " for one in items[:-1]).rstrip()
        return f" [{before}\n{pad} {items[-1]}]{self.comment()}\n"

    def entry(self, name):
        """Return a user's entry."""
        key = self.one(("{}", "'{}'", '"{}"')).format(name)
        flow = self.one(
            (
                "{}",
                "{department: Sales, reason: 'it''s, a }} b'}",
                '{licenses: {add: [EMS]}, department: "x # y"}',
                None,
                None,
                None,
            )
        )
        if flow:
            return f"  {key}: {flow}{self.comment()}\n"
        indent = self.one((3, 4, 6))
        pad = " " * indent
        out = f"  {key}:{self.comment()}\n{pad}department: Sales{self.comment()}\n"
        out += self.sometimes(f"{self.one(('', pad, pad + '   '))}# between\n")
        if self.random.random() < 0.5:
            out += f"{pad}licenses:{self.licences(indent)}"
        else:
            out += f"{pad}licenses:{self.comment()}\n{pad}  replace:{self.licences(indent + 2)}"
        return out + self.sometimes(f"{pad}reason: {self.one(TEXTS).format(pad)}\n")

    def file(self):
        """Return a file and the names of its users."""
        names = [f"u{number}@contoso.com" for number in range(self.random.randint(0, 4))]
        gaps = ("", "", "\n", "  # after\n", "# far\n", "\n  # t\n\n")
        entries = "".join(self.entry(name) + self.one(gaps) for name in names)
        users = f"users:{self.comment()}\n{entries}" if names else f"users: {{}}{self.comment()}\n"
        parts = ["version: 1\n", "bundles:\n  office: [SPE_E5]\n"]
        parts += [users] if names or self.random.random() < 0.7 else []
        self.random.shuffle(parts)
        text = (
            self.one(("", "# top\n")) + "".join(parts) + self.one(("", "# end", "# end\n", "\n\n", "...\n"))
        )
        if self.random.random() < 0.3:
            text = text.rstrip("\n")
        if self.random.random() < 0.3:
            text = text.replace("\n", "\r\n")
        return self.sometimes("\ufeff", 0.1) + text, names

    def wanted(self, names):
        """Return some of the users of the file, and some new ones."""
        chosen = {name: name for name in names if self.random.random() < 0.6}
        return chosen | {f"n{number}@contoso.com": None for number in range(self.random.randint(0, 2))}


def lines(text):
    return re.split("\r\n|\n", text)


@pytest.mark.parametrize("seed", range(40))
def test_any_layout_is_kept_or_refused(seed, tmp_path):
    writer, path, refused = Writer(seed), tmp_path / "tenant.yaml", 0
    for _ in range(10):
        before, names = writer.file()
        path.write_bytes(before.encode())
        upns = writer.wanted(names)
        try:
            edits = adding.add(config.read([path]), upns, "SPE_F1")
        except UsageError:
            refused += 1
            continue
        for edit in edits:
            after = edit.after.decode()
            left = iter(after)
            assert all(character in left for character in before)
            assert after.count("SPE_F1") == len(upns)
            assert reader.read("t", edit.after).problems == []
            made, at = [], 0
            for start, end, new_start, new_end in edit.changes:
                made += lines(before)[at:start] + lines(after)[new_start:new_end]
                at = end
            assert made + lines(before)[at:] == lines(after)
    assert refused <= 1  # a text of several lines at the very end of the file can't be followed safely
