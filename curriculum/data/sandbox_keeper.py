"""The sandbox's keeper: a process that has a fresh child run every program.

- Started by `sandbox.py`. It runs no program itself, so no program can change it; it
  has imported what a child needs, so a child is a fork and takes milliseconds.
- A *plain* program is made of TinyPy's words and signs alone. It can compute and print
  and leave nothing behind, so a row of them shares one child. If that child dies, those
  without an answer run again, one answer each, until it is clear which one was the cause.
- A child has a pipe of its own and a nonce of its own. What it sends must be whole lines
  of well-formed outcomes; anything else is its own failure and nobody else's.
- When a child has answered, died or waited too long, every process it started is ended
  and its folder is emptied.
- A request is a line of JSON: [token, [program, ...]]. A reply is a line with the token
  and the outcomes of some of them, in order.

Standard library only. Explained in chapter 2.
"""

import gc
import json
import os
import re
import select
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sandbox_child  # noqa: E402
import sandbox_walls as walls  # noqa: E402

del sys.path[0]  # "import corpus" in a program must not find this package,
del sys.modules["sandbox_child"], sys.modules["sandbox_walls"]  # nor these

# Letters are variables; no other name, no attribute, no text, no power.
PLAIN = re.compile(
    r"(?:[\t\n ()+\-/<>=:,]|\*(?!\*)|!="
    r"|(?:[0-9]+|[a-z]|print|range|if|elif|else|for|in|while|not|and|or)(?!\w))*+"
)
OUTCOMES = {(bool, str, type(None), int, int, float), (bool, str, str, int, int, float)}
SURROGATE = re.compile("[\ud800-\udfff]")  # no file can hold one
REPLY_EVERY = 0.05  # s between answers of a child that runs a row of programs
SLICE = 0.02  # s between looks at a child that is silent
GRACE = 0.25  # s of processor time for what is not the program's: the fork, a tick
DAMAGED = "the program damaged its result"


class Keeper:
    """Runs programs in children and collects their outcomes.

    Args: options: seconds, memory_mb, max_output, trace and max_steps of `sandbox.run`.
        folder: where programs may write. held: the walls that hold. private:
        descriptors that no child may have.
    """

    def __init__(self, options: list, folder: str, held: dict[str, bool], private):
        self.options, self.folder, self.held = options, folder, held
        self.private, self.count = private, 0
        self.seconds, self.max_output = options[0], options[2]
        self.wall = 5 * self.seconds + 3  # s; for programs that wait without computing
        self.timeout = f"timeout: more than {self.seconds:g} s"
        self.longest = 12 * self.max_output + 10_000  # bytes of a line for an outcome
        self.places = [folder] + (["/dev/shm"] if held["shared"] else [])
        self._clear()

    def outcomes(self, programs):
        """Yield lists of outcomes that together answer for `programs`, in order."""
        at = 0
        while at < len(programs):
            end = at
            while end < len(programs) and PLAIN.fullmatch(programs[end]):
                end += 1
            row = programs[at : max(end, at + 1)]
            found, death = self._attempt(row, REPLY_EVERY)
            if death and len(row) > 1:  # one of those left was the cause: which?
                yield found
                at += len(found)
                found, death = self._attempt(row[len(found) :], 0)
            if death:
                found = [*found, [False, "", death, 0, 0, 0.0]]
            yield found
            at += len(found)

    def _attempt(self, programs, reply_every: float) -> tuple[list, str | None]:
        """What a new child answers for `programs`, and what ended it before the last."""
        nonce = os.urandom(16).hex()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for number in (reading, *self.private):
                    os.close(number)
                walls.fence(self.held)
                os.chdir(self.place)
                sandbox_child.answer(
                    programs, writing, nonce, reply_every, self.options
                )
            finally:
                os._exit(1)
        os.close(writing)
        found, cause, ended = self._listen(child, reading, nonce, len(programs))
        os.close(reading)
        if not ended:
            walls.kill(os.kill, child)
            ended = os.wait4(child, 0)
        status, usage = os.waitstatus_to_exitcode(ended[1]), ended[2]
        used = usage.ru_utime + usage.ru_stime
        if len(programs) == 1:
            walls.sweep(self.held, child)
            self._clear()
            if used > self.seconds + GRACE:  # it put off our clock
                return [], self.timeout
        if cause:
            return found[: len(programs) - 1], cause
        if len(found) == len(programs):
            return found, None
        if found and (found[-1][2] or "").startswith("MemoryError"):
            return found, None  # the rest needs a new process
        return found, self._cause_of_death(status)

    def _listen(self, child: int, reading: int, nonce: str, count: int):
        """(outcomes, cause of an end that we decide on, what `wait4` said or None)."""
        found, unread, ended, is_open = [], b"", None, True
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        deadline = time.monotonic() + self.wall
        while len(found) < count:
            ended = ended or _ended(child)
            late = time.monotonic() > deadline
            if is_open and poll.poll(0 if ended or late else 1000 * SLICE):
                data = os.read(reading, 1 << 16)
                is_open = bool(data)
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    outcomes = self._read(line, nonce, count - len(found))
                    if not outcomes:
                        return found, DAMAGED, ended
                    found += outcomes
                    deadline = time.monotonic() + self.wall
                if len(unread) > self.longest * count:
                    return found, DAMAGED, ended
                if lines:
                    continue
            elif ended:
                break
            elif not is_open:
                time.sleep(SLICE / 10)
            if late:
                return found, self.timeout, ended
        return found, None, ended

    def _read(self, line: bytes, nonce: str, most: int) -> list:
        """The outcomes of a line; none unless all of it is as it must be."""
        if not line.startswith(nonce.encode()):
            return []
        try:
            outcomes = json.loads(line[len(nonce) :])
        except (ValueError, RecursionError):
            return []
        if not isinstance(outcomes, list) or len(outcomes) > most:
            return []
        good = all(map(self._is_outcome, outcomes))
        if good and b"\\u" in line:
            good = not any(SURROGATE.search(f"{o[1]}{o[2]}") for o in outcomes)
        return outcomes if good else []

    def _is_outcome(self, value) -> bool:
        if not isinstance(value, list) or tuple(map(type, value)) not in OUTCOMES:
            return False
        ok, text, error = value[:3]
        return (
            ok == (error is None)
            and len(text) <= self.max_output
            and len(error or "") <= sandbox_child.MOST_ERROR
        )

    def _cause_of_death(self, status: int) -> str:
        if status == -signal.SIGPROF:
            return self.timeout
        if status >= 0:
            return f"the process exited with status {status}"
        try:
            name = signal.Signals(-status).name
        except ValueError:  # most real-time signals have no name
            name = f"signal {-status}"
        return f"the process was ended by {name}"

    def _clear(self) -> None:
        """Empty what a program can write to, and make the next program's folder."""
        for place in self.places:
            walls.empty(place)
        self.count += 1
        self.place = os.path.join(self.folder, str(self.count))
        os.makedirs(self.place, exist_ok=True)


def _ended(child: int):
    answer = os.wait4(child, os.WNOHANG)
    return answer if answer[0] else None


def _keep(options: list, folder: str, wanted: bool) -> None:
    held = walls.enter(folder, wanted)
    # The pipes move to private numbers: nothing a program reads or prints meets them.
    private = os.dup(0), os.dup(1)
    requests, replies = open(private[0], "rb"), open(private[1], "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    keeper = Keeper(options, folder, held, private)
    gc.freeze()

    def reply(value) -> None:
        replies.write(json.dumps(value).encode() + b"\n")
        replies.flush()

    reply(held)
    for request in requests:
        token, programs = json.loads(request)
        for outcomes in keeper.outcomes(programs):
            reply([token, outcomes])


if __name__ == "__main__":
    _keep(*json.loads(sys.argv[1]))
