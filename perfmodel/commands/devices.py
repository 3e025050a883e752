"""`perfmodel devices`: what jax sees and what will be used."""

from typing import Literal

PLATFORMS = ("tpu", "gpu", "cpu")
"""Kinds of device, the one first that `auto` prefers."""


def devices(*, format: Literal["table", "json", "csv"] = "table") -> None:
    """List the devices that jax sees on this machine and which of them will be used.

    Parameters
    ----------
    format
        A table for people, JSON with a stable schema, or CSV.
    """
    from perfmodel.commands.printing import Sheet, print_records
    from perfmodel.commands.records import Devices, Seen
    from perfmodel.engine.devices import open_devices

    open_devices("auto")
    import jax

    seen = [record for platform in PLATFORMS for record in _of(platform)]
    heads = ("platform", "kind", "id", "memory_bytes", "used")
    answer = Devices(jax=jax.__version__, devices=seen)
    print_records(answer, seen, format, Sheet(Seen, heads, f"jax {jax.__version__}"))


def _of(platform: str) -> list:
    """Devices of one platform, none where jax has no driver for it."""
    import jax

    from perfmodel.commands.records import Seen

    try:
        found = jax.local_devices(backend=platform)
    except RuntimeError:
        return []
    default = jax.default_backend()
    return [
        Seen(
            platform=platform,
            kind=device.device_kind,
            id=device.id,
            memory_bytes=(device.memory_stats() or {}).get("bytes_limit"),
            used=device.platform == default,
        )
        for device in found
    ]
