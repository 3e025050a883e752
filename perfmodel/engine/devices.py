"""Which devices run the kernels, and where compiled programs are kept."""

import os
import platform
from pathlib import Path
from typing import Literal

from perfmodel.config.faults import Fault, Faults

Device = Literal["auto", "cpu", "gpu", "tpu"]

NO_CACHE = "PERFMODEL_NO_COMPILE_CACHE"
"""Environment variable that turns the store of compiled programs off."""


def open_devices(device: Device = "auto") -> tuple:
    """Starts JAX on the asked-for kind of device.

    Parameters
    ----------
    device
        Kind of device; `auto` takes a GPU or TPU where there is one.

    Returns
    -------
    tuple
        The local devices.

    Raises
    ------
    Faults
        When there is no device of that kind.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import jax

    if device in ("auto", "cpu"):
        _split_cpu(jax)
    if device != "auto":
        jax.config.update("jax_platforms", {"gpu": "cuda,rocm"}.get(device, device))
    _keep_programs(jax)
    try:
        return tuple(jax.local_devices())
    except RuntimeError as fault:
        problem = f"jax finds no {device} here; `perfmodel devices` lists what it sees"
        expected = "auto or cpu, or the extra `cuda` or `tpu` installed"
        raise Faults(
            [Fault(field="--device", value=device, problem=problem, expected=expected)]
        ) from fault


def divide_cpu(count: int) -> None:
    """Divides the CPU into that many devices, before JAX has started; 0 leaves it as it is.

    Parameters
    ----------
    count
        Devices.
    """
    if count:
        flag = f"--xla_force_host_platform_device_count={count}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def _split_cpu(jax: object) -> None:
    """One CPU device per core, unless the user or a test has chosen a number; never one alone,
    for which XLA orders a few operations in another way than for several.
    """
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen and not jax._src.xla_bridge.backends_are_initialized():  # type: ignore[attr-defined]
        jax.config.update("jax_num_cpu_devices", max(len(os.sched_getaffinity(0)), 2))  # type: ignore[attr-defined]


def _keep_programs(jax: object) -> None:
    """Persistent store of compiled programs, by version and processor; best effort."""
    if os.environ.get(NO_CACHE):
        return
    from importlib.metadata import version

    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "perfmodel" / f"jaxlib-{version('jaxlib')}-{_processor()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    update = jax.config.update  # type: ignore[attr-defined]
    update("jax_compilation_cache_dir", str(folder))
    update("jax_persistent_cache_min_compile_time_secs", 0.0)
    update("jax_persistent_cache_min_entry_size_bytes", -1)


def _processor() -> str:
    """Name of the processor that a compiled program is bound to."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = platform.processor()
    flags = next(
        (line for line in text.splitlines() if line.startswith(("flags", "Features"))), text
    )
    import hashlib

    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"


def device_line(devices: tuple, asked: Device) -> str:
    """One line that says where the kernels run.

    Parameters
    ----------
    devices
        What :func:`open_devices` returned.
    asked
        What the user asked for.

    Returns
    -------
    str
        A line for standard error.
    """
    first = devices[0]
    count = f"{len(devices)} x " if len(devices) > 1 else ""
    why = " (no GPU or TPU found)" if asked == "auto" and first.platform == "cpu" else ""
    return f"running on {count}{first.device_kind}{why}\n"
