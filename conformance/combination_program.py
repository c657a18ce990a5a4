"""The Program of a combination: traffic both ways, in which each slot to transmit is used again.

Waves of chains: buffers and packets are made available, the backend completes what it holds in the
combination's order, and all of it is used before the next wave. A driver that keeps its duties does
no more than that, so all rules speak. Expectations only say that what is complete is used; the
oracle judges the rest, which is the most of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from combinations import Combination, chains_at_once, name

# The lengths of a chain's descriptors but the last, which has the rest; 0 is the header's.
FRAMINGS: dict[str, tuple[int, ...]] = {
    "whole": (),
    "alone": (0,),
    "split": (1, 11),
    "pieces": (2, 2, 2, 2, 2, 2, 7),  # the Ethernet head is cut as well
}

# The batches in which what is held completes, each followed by a settle.
ORDERS: dict[str, tuple[slice, ...]] = {
    "at_once": (),  # the backend is synchronous
    "arrival": (slice(None),),
    "reverse": (slice(None, None, -1),),
    "interleaved": (slice(1, None, 2), slice(0, None, 2)),
}

WAVE = 48  # chains: the kernel device tells 64 packets in flight apart
FRAMES = 256  # of a Program, to receive: the kernel device names no more
LEAST_WAVES = 3
PACKET = 400  # bytes; one of less than 256 is copied by most, and not held
BUFFER = 1526  # VIRTIO 1.2, 5.1.6.3.1
MERGED_BUFFER = 212
BUFFERS_OF_A_FRAME = 3  # with MRG_RXBUF


@dataclass(frozen=True)
class _Shape:
    """What is the same in all waves."""

    header: int  # bytes
    chains: int  # of a wave, to transmit
    frames: int  # of a wave, to receive
    buffers: int  # of a frame
    buffer: int  # bytes
    frame: int  # bytes
    waves: int


def _shape(combination: Combination) -> _Shape:
    merges = combination["MRG_RXBUF"] == "on"
    header = 12 if merges or combination["header"] == "modern" else 10
    chains = min(WAVE, chains_at_once(combination))
    buffers = min(BUFFERS_OF_A_FRAME, chains) if merges else 1
    buffer = MERGED_BUFFER if merges else BUFFER
    # The last buffer of a frame is filled to a part.
    frame = buffers * buffer - header - 50 if merges else PACKET
    waves = max(LEAST_WAVES, int(combination["num"]) // chains + 1)
    frames = min(chains // buffers, FRAMES // waves)
    return _Shape(header, chains, frames, buffers, buffer, frame, waves)


def _chain(combination: Combination, header: int, direction: str, total: int) -> str:
    """The end of an `avail`: mode and segments."""
    lengths = [length or header for length in FRAMINGS[combination["framing"]]]
    lengths.append(total - sum(lengths))
    runs = [(length, len(list(run))) for length, run in groupby(lengths)]
    segments = "".join(f"[{direction} {length}{f' x{count}' if count > 1 else ''}]"
                       for length, count in runs)  # fmt: skip
    return ("indirect " if combination["INDIRECT"] == "on" else "") + segments


def _times(count: int, line: str) -> list[str]:
    return [line] if count == 1 else [f"repeat {count}", f"  {line}", "end"]


def _set_up(combination: Combination) -> Iterator[str]:
    features = [feature for feature in ("EVENT_IDX", "MRG_RXBUF") if combination[feature] == "on"]
    features += ["NO_INDIRECT"] if combination["INDIRECT"] == "off" else []
    features += ["LEGACY"] if combination["header"] == "legacy" else []
    backend = "sync" if combination["order"] == "at_once" else "async"
    base = f" base={int(combination['base']):#06x}" if int(combination["base"]) else ""
    for queue in ("tx", "rx"):
        acked = f" features={'|'.join(features)}" if features else ""
        yield f"vring {queue} num={combination['num']}{base}{acked}"
        yield f"backend {queue} {backend}"


def _wave(combination: Combination, shape: _Shape, number: int) -> Iterator[str]:
    def idx(queue_total: int, more: int = 0) -> str:
        return f"{(int(combination['base']) + queue_total + more) % 0x10000:#06x}"

    heads = shape.frames * shape.buffers
    tx_end, rx_end = (number + 1) * shape.chains, (number + 1) * heads
    if combination["EVENT_IDX"] == "on":
        yield f"used_event tx {idx(tx_end, -1)}"
        yield f"used_event rx {idx(rx_end, -1)}"
    yield from _times(heads, "avail rx " + _chain(combination, shape.header, "w", shape.buffer))
    yield "kick rx"
    packet = _chain(combination, shape.header, "r", shape.header + PACKET)
    yield from _times(shape.chains, f"avail tx {packet}")
    yield "kick tx"
    yield from _times(shape.frames, f"inject rx {shape.frame}")

    packets = range(tx_end - shape.chains, tx_end)
    firsts = range(rx_end - heads, rx_end, shape.buffers)
    batches = ORDERS[combination["order"]]
    for batch in batches:
        yield from (f"complete tx #{ordinal}" for ordinal in packets[batch])
        yield from (f"complete rx #{ordinal}" for ordinal in firsts[batch])
        yield "settle"
    if not batches:
        yield "settle"
    yield f"> used_idx tx {idx(tx_end)}"
    yield f"> used_idx rx {idx(rx_end)}"
    if len(batches) > 1:
        return  # a device that copies was done before the last settle
    last = (number + 1) * shape.frames - 1
    yield f"> frame tx #{packets[-1]} len={PACKET}"
    yield f"> frame rx #{last} len={shape.frame}"
    if combination["MRG_RXBUF"] == "on":
        yield f"> received rx buffers={shape.buffers}"
    yield "> call tx"


def program(combination: Combination) -> str:
    """Canonical text."""
    shape = _shape(combination)
    lines = [
        f"# {name(combination)}",
        f"# {shape.waves} waves of {shape.chains} packets and {shape.frames} frames.",
        "# rule: FEA-04",
        *_set_up(combination),
    ]
    for number in range(shape.waves):
        lines += _wave(combination, shape, number)
    return "\n".join(lines) + "\n"
