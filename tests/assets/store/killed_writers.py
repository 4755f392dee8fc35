"""Kill processes that write to a store at random moments, and look whether anything that was written is lost or wrong.

    python killed_writers.py STORE N

Each writer is forked, so that fifty of them cost seconds, and tells through a pipe what SQLite has said is written.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from sarcasm.store import Store, upkeep


def value_of(key: str) -> bytes:
    return random.Random(key).randbytes(3_000)


def write(path: Path, writer: int, told: int) -> None:
    with Store(path) as store:
        for number in range(1_000_000):
            keys = [f"{writer} {number} {each}" for each in range(3)]
            for key in keys:
                store.put("recipe", key, value_of(key))
            store._write()
            os.write(told, "".join(f"{key}\n" for key in keys).encode())


def main(path: Path, n: int) -> None:
    drawn = random.Random(0)
    written: list[str] = []
    for writer in range(n):
        listen, told = os.pipe()
        if not (child := os.fork()):
            os.close(listen)
            write(path, writer, told)
        os.close(told)
        time.sleep(drawn.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(listen, encoding="ascii") as lines:  # noqa: PTH123
            told_now = lines.read()
        # The last line may have been cut.
        written += told_now[: told_now.rfind("\n") + 1].split("\n")[:-1]
        with Store(path) as store:
            found = dict(store.get("recipe", written))
        lost = [key for key in written if key not in found]
        wrong = [key for key, value in found.items() if value != value_of(key)]
        if lost or wrong:
            sys.exit(f"after {writer + 1} kills: lost {lost[:5]}, wrong {wrong[:5]}")
    verified = upkeep.verify(path)
    if verified.n_dropped or verified.complaints:
        sys.exit(f"damaged: {verified}")
    print(f"{n} killed, {len(written)} entries written, {verified.n_whole} there")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
