#!/usr/bin/env python3
"""Draws the peers' tables as bars:

    cargo bench --manifest-path benches/peers/Cargo.toml | python3 benches/plot.py > docs/performance.svg
"""

import re
import sys
from html import escape

LEFT, WIDTH, BAR, GAP = 250, 470, 20, 8


def tables(lines):
    """Title and rows (name, nanoseconds, ratio) of each table."""
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and cells[0].endswith(" by"):
            found.append((cells[0].removesuffix(" by"), []))
        elif found and len(cells) == 4 and re.fullmatch(r"\d+", cells[1]):
            found[-1][1].append((cells[0], int(cells[1]), cells[2]))
    return found


def draw(found):
    longest = max(nanos for _, rows in found for _, nanos, _ in rows)
    y, parts = 10, []
    for title, rows in found:
        parts.append(f'<text class="title" x="10" y="{y + 16}">One {escape(title)}, nanoseconds</text>')
        y += 30
        for position, (name, nanos, ratio) in enumerate(rows):
            width = max(1, round(WIDTH * nanos / longest))
            kind = "ours" if position == 0 else "other"
            note = f"{nanos:,}" if position == 0 else f"{nanos:,} ({ratio} ×)"
            parts.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width}" height="{BAR}" rx="2"/>')
            parts.append(f'<text x="{LEFT + width + 8}" y="{y + 15}">{note}</text>')
            y += BAR + GAP
        y += 14
    size = f"{LEFT + WIDTH + 130} {y}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" '
            'aria-label="Nanoseconds per signature: this crate and others">',
            "<style>",
            "text { font: 13px system-ui, sans-serif; fill: #24292f }",
            ".title { font-weight: 600 }",
            ".ours { fill: #1a7f5a } .other { fill: #8c959f }",
            "@media (prefers-color-scheme: dark) {",
            "  text { fill: #e6edf3 } .ours { fill: #3fb68b } .other { fill: #6e7681 }",
            "}",
            "</style>",
            *parts,
            "</svg>",
        ]
    )


found = tables(sys.stdin)
if not found:
    sys.exit("no table of peers in what was read")
print(draw(found))
