#!/usr/bin/env python3
"""A stand-in for an agent's TUI: an input line in a tmux pane, steered through a FIFO, with a log of what reaches it.

It never polls: it waits for its terminal and its FIFO, and draws by itself only while it is told to be busy.

FIFO FOLDER/SESSION.fifo, one order per line:
    busy | idle | show TEXT | exit CODE | hang
Log FOLDER/SESSION.jsonl, one JSON object per line with `t` (seconds since 1970) and `event`:
    start   with pid and the head of its kickoff      text    the first byte typed into the empty input line
    submit  Enter, with the line that it submitted    order   an order was carried out
"""
import argparse
import json
import os
import select
import sys
import time
import tty
from pathlib import Path

BUSY_REDRAW_S = 0.5
KICKOFF_HEAD_BYTES = 200


class Agent:
    def __init__(self, session, folder, kickoff):
        self.log_file = open(folder / f"{session}.jsonl", "a", buffering=1, encoding="utf-8")
        fifo = folder / f"{session}.fifo"
        if not fifo.exists():
            os.mkfifo(fifo)
        # Opened for both directions: it neither waits for a writer nor ends with one.
        self.orders = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.line, self.busy, self.frames = "", False, 0
        self.log("start", pid=os.getpid(), kickoff=head_of(kickoff))

    def log(self, event, **more):
        self.log_file.write(json.dumps({"t": time.time(), "event": event, **more}) + "\n")

    def draw(self, above=None):
        text = "\r\x1b[K" + (f"{above}\r\n" if above is not None else "") + f"> {self.line[-70:]}"
        os.write(1, text.encode())

    def typed(self, data):
        for key in data.decode("utf-8", "replace"):
            if key in "\r\n":
                self.log("submit", text=self.line)
                self.line = ""
            elif key == "\x15":
                self.line = ""
            else:
                if not self.line:
                    self.log("text")
                self.line += key
        self.draw()

    def order(self, text):
        word, _, rest = text.partition(" ")
        self.log("order", text=text)
        if word in ("busy", "idle"):
            self.busy = word == "busy"
            self.draw()
        elif word == "show":
            self.draw(above=rest)
        elif word == "exit":
            os._exit(int(rest or 0))
        elif word == "hang":
            select.select([], [], [])

    def run(self):
        tty.setraw(0)
        self.draw(above=f"stand-in agent, process {os.getpid()}")
        while True:
            ready, _, _ = select.select([0, self.orders], [], [], BUSY_REDRAW_S if self.busy else None)
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                self.typed(data)
            if self.orders in ready:
                for text in os.read(self.orders, 65536).decode().splitlines():
                    self.order(text)
            if self.busy and not ready:
                self.frames += 1
                os.write(1, f"\r\x1b[KWorking {self.frames} (esc to interrupt)".encode())


def head_of(kickoff):
    if kickoff is None:
        return None
    try:
        return kickoff.read_bytes()[:KICKOFF_HEAD_BYTES].decode("utf-8", "replace")
    except OSError as error:
        return f"unreadable: {error}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("session")
    parser.add_argument("folder", type=Path)
    parser.add_argument("kickoff", type=Path, nargs="?")
    given = parser.parse_args()
    try:
        Agent(given.session, given.folder, given.kickoff).run()
    except OSError:
        sys.exit(1)
