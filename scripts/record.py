#!/usr/bin/env python3
"""Records commands in a terminal, and draws what was on the screen as an SVG that moves without script.

    record.py OUT.svg COLUMNSxROWS <COMMANDS

Each line of standard input is a command for `sh`; it is run in a terminal of that size, on a cleared screen (or below what
is there, if the line begins with `+`), and every character that is drawn was printed by it. Only time is bent: a command
that takes longer than LONGEST is played faster. Ends with 1 when a command ends with another status than its line asks
for: `4: wucluster put-away --yes` asks for 4.
"""

import fcntl
import html
import os
import pty
import re
import select
import struct
import sys
import termios
import time

LONGEST = 4.5  # Seconds that the output of a command plays at most.
TYPED = 0.035  # Seconds for each character of a command.
READ = 2.0  # Seconds that the end of a command stays.
LAST = 5.0  # Seconds that the last screen stays.
FRAMES = 3  # Pictures a second.
WIDE, HIGH, SIZE, EDGE = 8.4, 18, 14, 16  # Of a character, its size, and the edge of the picture, in pixels.

# By the numbers of SGR: `1` is bold, `2` is dim. Other numbers are an error.
STYLES = {"1": "font-weight: bold", "2": "fill: #8b949e", "31": "fill: #ff7b72", "32": "fill: #3fb950", "36": "fill: #39c5cf"}
INK, PAPER, FRAME = "#e6edf3", "#0d1117", "#30363d"
LINE = re.compile(r"(\+ )?(?:(\d+): )?(.*)")
PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+", re.S)


class Screen:
    """What a terminal shows: only what wucluster writes is understood, and anything else is an error."""

    def __init__(self, columns, rows):
        self.columns, self.height = columns, rows
        self.lines, self.row, self.column, self.style = [{}], 0, 0, ()

    def write(self, text):
        """Takes what was printed; returns what has yet to be completed."""
        cut = re.search(r"\x1b(\[[0-9;?]*)?$", text)
        text, rest = (text[: cut.start()], cut.group()) if cut else (text, "")
        for piece in PIECE.finditer(text):
            numbers, kind = piece.group(1), piece.group(2)
            if kind:
                self.control(numbers, kind)
            elif piece.group() == "\r":
                self.column = 0
            elif piece.group() == "\n":
                self.down()
            else:
                for character in piece.group():
                    assert character.isprintable(), f"{character!r} is not understood"
                    if self.column == self.columns:
                        self.column = 0
                        self.down()
                    self.lines[self.row][self.column] = (character, self.style)
                    self.column += 1
        return rest

    def down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append({})

    def control(self, numbers, kind):
        if kind == "A":
            self.row = max(self.row - int(numbers or 1), len(self.lines) - self.height, 0)
        elif kind == "J" and numbers in ("", "0"):
            del self.lines[self.row + 1 :]
            self.wipe(self.column)
        elif kind == "K" and numbers == "2":
            self.wipe(0)
        elif kind == "m":
            for number in (numbers or "0").split(";"):
                assert number == "0" or number in STYLES, f"SGR {number} is not understood"
                self.style = () if number == "0" else (*self.style, number)
        else:
            raise AssertionError(f"ESC [ {numbers} {kind} is not understood")

    def wipe(self, column):
        line = self.lines[self.row]
        for at in [at for at in line if at >= column]:
            del line[at]

    def shown(self):
        """Returns the rows that are seen now, each as a drawing."""
        return [drawn(line) for line in self.lines[-self.height :]]


def drawn(line):
    """Draws a row: each run of one style at its own place, so that columns stand whatever the font."""
    runs = []
    for at in sorted(line):
        character, style = line[at]
        if character == " ":
            continue
        if runs and runs[-1][2] == style and at - runs[-1][0] - len(runs[-1][1]) <= 1 and character.isascii():
            start, text, _ = runs[-1]
            runs[-1] = (start, text.ljust(at - start) + character, style)
        else:
            runs.append((at, character, style))
    parts = []
    for at, text, style in runs:
        marks = f' class="{" ".join("s" + number for number in style)}"' if style else ""
        parts.append(f'<tspan x="{at * WIDE:.0f}"{marks}>{html.escape(text, quote=False)}</tspan>')
    return "".join(parts)


def run(command, columns, rows):
    """Runs a command in a terminal; returns what it printed and when, and its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns))
        os.execvp("sh", ["sh", "-c", command])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    begun, printed = time.monotonic(), []
    while True:
        select.select([terminal], [], [])
        try:
            some = os.read(terminal, 65536)
        except OSError:
            some = b""
        if not some:
            break
        printed.append((time.monotonic() - begun, some))
    return printed, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def record(lines, columns, rows):
    """Runs all commands; returns the screens with the time at which each of them came, and when all is over."""
    screens, now, screen = [], 0.0, None
    for line in lines:
        goes_on, asked, command = re.fullmatch(LINE, line).groups()
        print(f"$ {command}", file=sys.stderr)
        screen = screen if goes_on and screen else Screen(columns, rows)
        screen.write("\x1b[1m$ \x1b[0m")
        for at in range(0, len(command), 3):
            screen.write(command[at : at + 3])
            screens.append((now + at * TYPED, screen.shown()))
        now += len(command) * TYPED + 0.4
        screen.write("\r\n")
        printed, status = run(command, columns, rows)
        for _, some in printed:
            sys.stderr.buffer.write(some)
        if status != int(asked or 0):
            sys.exit(f"`{command}` ended with {status}")
        spans = printed[-1][0] if printed else 0.0
        faster = max(spans / LONGEST, 1.0)
        rest = b""
        words = ""
        for at, some in printed:
            rest += some
            try:
                text, rest = rest.decode(), b""
            except UnicodeDecodeError:
                continue
            words = screen.write(words + text)
            screens.append((now + at / faster, screen.shown()))
        now += spans / faster + READ
    return screens, now + LAST - READ


def thinned(screens, end):
    """Keeps the last screen of each picture's time."""
    kept = {}
    for at, screen in screens:
        kept[int(at * FRAMES)] = screen
    times = sorted(kept)
    until = [at / FRAMES for at in times[1:]] + [end]
    return [(at / FRAMES, over, kept[at]) for at, over in zip(times, until)]


def svg(screens, end, columns, rows, title):
    """Draws all: a row that stays is one element, shown from when it came until it goes."""
    frames = thinned(screens, end)
    names, uses, last = {}, [], []
    for row in range(rows):
        since, shown = 0.0, ""
        for at, _, screen in frames + [(end, end, None)]:
            now = screen[row] if screen and row < len(screen) else ""
            if screen is not None and now == shown:
                continue
            if shown:
                name = names.setdefault(shown, f"r{len(names)}")
                place = f'<use href="#{name}" y="{row * HIGH}"'
                if at == end:
                    last.append(place + f'><set attributeName="visibility" to="hidden" begin="t.begin" dur="{since:.1f}s"/></use>')
                else:
                    uses.append(place + f'><set attributeName="visibility" to="visible" begin="t.begin+{since:.1f}s" dur="{at - since:.1f}s"/></use>')
            since, shown = at, now
    width, height = columns * WIDE + 2 * EDGE, rows * HIGH + 2 * EDGE
    rowed = "\n".join(f'<text id="{name}" y="{SIZE}">{row}</text>' for row, name in names.items())
    styles = "\n".join(f".s{number} {{ {style} }}" for number, style in STYLES.items())
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img">
<title>{html.escape(title)}</title>
<style>
text {{ font: {SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: {INK}; white-space: pre }}
{styles}
.film {{ visibility: hidden }}
@media (prefers-reduced-motion: reduce) {{ .film {{ display: none }} .last use {{ visibility: visible !important }} }}
</style>
<defs>
{rowed}
</defs>
<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="{PAPER}" stroke="{FRAME}">
<animate id="t" attributeName="opacity" from="1" to="1" dur="{end:.1f}s" begin="0s;t.end"/>
</rect>
<g transform="translate({EDGE} {EDGE})">
<g class="film">
{chr(10).join(uses)}
</g>
<g class="last">
{chr(10).join(last)}
</g>
</g>
</svg>
"""


def main():
    out, size = sys.argv[1:]
    columns, rows = map(int, size.split("x"))
    lines = [line.strip() for line in sys.stdin if line.strip()]
    screens, end = record(lines, columns, rows)
    title = "A recorded session: " + "; ".join(LINE.fullmatch(line).group(3) for line in lines)
    with open(out, "w", encoding="utf-8") as file:
        file.write(svg(screens, end, columns, rows, title))
    print(f"{out}: {end:.0f} s, {os.path.getsize(out) // 1024} KiB", file=sys.stderr)


main()
