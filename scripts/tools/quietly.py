"""Run Snakemake with one line of progress; what goes wrong stays visible.

    python scripts/tools/quietly.py [--label WORDS] -- snakemake ARGUMENTS

All that the workflow prints goes to a log file as well. Exits as Snakemake does.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

STEPS = re.compile(r"(\d+) of (\d+) steps")
RULE = re.compile(r"^(?:local)?rule (\w+):")
# Lines with which Snakemake begins to say that something went wrong.
WRONG = re.compile(
    r"^(Error|\w*(Error|Exception)\b|\[?ERROR|Exiting because|Traceback|LockException)"
)
KEPT = 25  # last lines that are shown when the run fails without having said why
BAR = 30  # characters


def line(label: str, done: int, total: int, rule: str, started: float) -> str:
    """The line of progress."""
    full = BAR * done // total if total else 0
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    bar = "█" * full + "·" * (BAR - full)
    return f"{label} {bar} {done}/{total or '?'}  {minutes}:{seconds:02}  {rule}"


def run(command: list[str], label: str, log: Path) -> int:
    """Run a command, show its progress, and return its exit code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started, done, total, rule, width = time.monotonic(), 0, 0, "", 0
    last: deque[str] = deque(maxlen=KEPT)
    telling, told = False, False
    shown = sys.stderr.isatty()
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        for text in process.stdout or ():
            file.write(text)
            last.append(text)
            if found := STEPS.search(text):
                done, total = int(found[1]), int(found[2])
            elif found := RULE.match(text):
                rule = found[1].removeprefix("figure_")
            # What went wrong is told to its end, which is an empty line.
            telling = bool(WRONG.match(text)) or (telling and bool(text.strip()))
            if telling:
                told = True
                print(("\r" + " " * width + "\r" if shown else "") + text, end="", file=sys.stderr)
            if shown:
                now = line(label, done, total, rule, started)
                print("\r" + now.ljust(width), end="", file=sys.stderr, flush=True)
                width = len(now)
        code = process.wait()
    end = line(label, done, total, "done" if code == 0 else "stopped", started)
    print(("\r" if shown else "") + end.ljust(width), file=sys.stderr)
    if code:
        if not told:
            print("".join(last), file=sys.stderr)
        print(f"All that the run said: {log}", file=sys.stderr)
    return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", default="run")
    parser.add_argument("--log", type=Path, default=Path("logs/quietly.log"))
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    return run(given.command, given.label, given.log)


if __name__ == "__main__":
    sys.exit(main())
