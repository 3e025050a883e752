"""A small library of configs in a temporary folder, so that these tests need none that ships."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config import library as library_module
from perfmodel.config.faults import Faults
from perfmodel.config.library import Library

CHIP = """\
# A chip.
name = "Small chip"
vendor = "Nobody"

[compute]
units = 100                  # data sheet
max_clock = "2 GHz"          # data sheet
spec_clock = "1800 MHz"      # data sheet

[peak]
bf16 = "1 PFLOP/s"           # data sheet

[memory]
capacity = "80 GB"           # data sheet
bandwidth = "3 TB/s"         # estimate: as its neighbour

[scaleup]
bandwidth = "450 GB/s"       # data sheet
pair_bandwidth = "450 GB/s"  # data sheet
domain = 8                   # data sheet
latency = "2 us"             # measured
bulk_latency = "3 us"        # measured
short_fraction = 0.2         # measured

[power]
tdp = "700 W"                # data sheet
idle = "70 W"                # measured
minimum_clock_fraction = 0.2 # measured
voltage_floor = 0.7          # measured
voltage_knee = 0.65          # measured

[energy]
flop_16bit = "0.8 pJ/FLOP"   # fit
hbm_byte = "35 pJ/B"         # fit
stream_byte = "80 pJ/B"      # fit
link_byte = "10 pJ/B"        # fit
clock_power = "80 W"         # fit

[efficiency]
gemm_16bit = 0.9             # fit
gemm_fp8 = 0.8               # fit
gemm_nvfp4 = 0.8             # fit
tile_overhead = "1.7 us"     # fit
attention_forward = 0.6      # fit
attention_backward = 0.5     # fit
attention_half_length = 600  # fit
attention_half_width = 50    # fit
hbm = 0.9                    # fit
scaleup = 0.8                # fit
"""

NODE = """\
# A node.
name = "Small node"
chip = "small"
chips = 8                    # data sheet
nic_bandwidth = "400 Gb/s"   # data sheet
nics = 8                     # data sheet
nic_power = "20 W"           # data sheet
host_link = "64 GB/s"        # data sheet
host_memory_bandwidth = "600 GB/s"  # data sheet
cpu_power = "600 W"          # data sheet
dram_power = "100 W"         # data sheet
switch_power = "200 W"       # data sheet
other_power = "100 W"        # data sheet
fan_fraction = 0.1           # data sheet
cooling = "air"
liquid_share = 0.0           # air
rated_power = "10 kW"        # data sheet

[supply]
rated = "12 kW"              # data sheet
at_20_percent = 0.90         # 80 PLUS
at_50_percent = 0.94         # 80 PLUS
at_100_percent = 0.92        # 80 PLUS
"""

FABRIC = """\
# A fabric.
name = "Small fabric"
kind = "fat-tree"
reduction = 0.0              # data sheet
bulk_latency = "9 us"        # measured
short_fraction = 0.1         # measured
link_fraction = 0.9          # measured

[[level]]
name = "leaf"
chips = 256                  # data sheet
oversubscription = 1.0       # data sheet
latency = "5 us"             # measured
load_balancing = "adaptive"

[[level]]
name = "core"
chips = "unlimited"
oversubscription = 2.0       # data sheet
latency = "8 us"             # measured
load_balancing = "ecmp"

[switch]
ports = 64                   # data sheet
port_bandwidth = "400 Gb/s"  # data sheet
power = "1.5 kW"             # data sheet
optics_power = "10 W"        # data sheet
tiers = 2                    # data sheet
optical_share = 0.5          # estimate: short links are copper
"""

SITE = """\
# A site.
name = "Small site"
country = "DE"

[[partition]]
name = "all"
node = "small-node"
chips = 1024                 # tender
fabric = "small-fabric"
stack = "small-stack"

[facility]
distribution_loss = 0.05     # tender
pump_fraction = 0.04         # tender
air_handler_fraction = 0.08  # tender
approach_temperature = "30 degC"  # tender
air_approach_temperature = "18 degC"  # tender
chiller_performance = 6.0    # tender
outside_temperature = "10.5 degC"  # mean of the year
outside_swing = 7.5          # mean of the year
storage_fraction = 0.04      # tender
power_limit = "unlimited"
"""

MODEL = """\
# A model.
name = "Small model"
layers = 32                  # paper
hidden = 4096                # paper
ffn = 14336                  # paper
gated = true
vocabulary = 128256          # paper
tied_embeddings = false
published_parameters = 8.0   # paper

[attention]
heads = 32                   # paper
kv_heads = 8                 # paper
head_dim = 128               # paper
"""

WORKLOAD = """\
# A job.
name = "Small job"
model = "small-model"
sequence_length = 8192       # paper
precision = "bf16"
optimizer = "adam"
tokens = 15e12               # paper

[batch]
sequences = 2048             # paper
critical_tokens = 60e6       # law
"""

STACK = """\
# A stack.
name = "Small stack"
framework = "Ours"
year = 2025                  # release
kernel_launch = "2 us"       # measured
host_dispatch = "5 us"       # measured
expert_dispatch = "100 us"   # estimate
cuda_graphs = false          # release notes
step_overhead = "10 ms"      # measured
gemm_multiplier = 0.95       # measured
grouped_multiplier = 0.9     # estimate
attention_multiplier = 0.95  # measured
fused_attention = true
native_attention = true      # estimate
elementwise_passes = 1.2     # measured
gradient_bytes = 4           # release
half_gradient_bytes = 2      # release
fresh_gradient = false
resident_weights = true
gathered_layers = 2          # release
logit_bytes = 6              # release
eager_copies = false
expert_outputs = true        # release
recompute_latent = false     # release
narrow_activation_inputs = false
attention_output_bytes = 1   # release
fragmentation = 0.0          # release
bucket = "100 MB"            # release
memory_reserve = "5 GB"      # release
straggler_between = 0.01     # measured
straggler_within = 0.01      # measured

[overlap]
tensor = 0.5                 # measured
context = 0.5                # measured
expert = 0.5                 # measured
pipeline = 0.5               # measured
data = 0.9                   # measured
compute_slowdown = 0.1       # measured

[collectives]
algorithms = ["ring", "tree"]
launch = "5 us"              # measured
pipelining = 0.9             # measured
merged_copies = true         # estimate
tree_share = 0.9             # measured
domain_exit = "400 GB/s"     # measured
chunk = "2 MB"               # measured
message = "0.3 us"           # measured
hidden_steps = 0.5           # measured
"""

STORAGE = """\
# A file system.
name = "Small storage"
write_bandwidth = "1 TB/s"   # measured
read_bandwidth = "2 TB/s"    # measured
readers = 0.5                # estimate
"""

RELIABILITY = """\
# Failures.
name = "Small failures"

[failures]
node_chips = 8               # a node
rate = "0.004 1/d"           # counted
shape = 1.0                  # estimate

[[classes]]
name = "GPU"
count = 9                    # counted

[[classes]]
name = "Switch"
count = 1                    # counted
takes = "domain"

[restart]
detect = "30 s"              # measured
evict = "10 s"               # measured
reschedule = "50 s"          # measured
initialize = "10 s"          # measured
initialize_per_chip = "1 ms" # measured

[checkpoint]
state = "14 B"               # measured
weights = "2 B"              # measured
peer_loss = 0.05             # estimate

[elastic]
rejoin = "10 min"            # measured
stall = "3 min"              # measured

[slow_nodes]
rate = "0.0004 1/d"          # estimate
stay = "10 min"              # estimate
slow_down = 1.3              # measured

[corruption]
rate = "3e-7 1/h"            # counted
latency = "30 min"           # estimate

[service]
repair = "1 d"               # estimate
covered = 0.99               # estimate
maintenance_interval = "1 d" # counted
"""

COSTS = """\
# Costs.
name = "Small costs"
building = "9 EUR/W"         # counted
equipment_years = 5.0        # counted
building_years = 14.0        # counted
operation = 0.01             # counted
utilization = 0.8            # estimate
grid_fee = "20 EUR/MWh"      # estimate
decline = 0.276              # counted

[capital]
public_share = 0.3           # estimate
public_return = 0.0          # estimate
private_return = 0.1         # estimate
debt_share = 0.4             # estimate
debt_rate = 0.05             # estimate
loss_rate = 0.02             # estimate

[[generations]]
chip = "small"
equipment = "30000 EUR"      # counted
embodied = "300 kg"          # estimate

[[countries]]
code = "DE"
price = "80 EUR/MWh"         # counted
carbon = "346 g/kWh"         # counted
"""

PROGRAMME = """\
# A programme.
name = "Small programme"
total = "1e9 EUR"            # announced
ratio = 4.0                  # announced

[gigafactories]
budget = "4e8 EUR"           # announced
sites = 1                    # announced
chips = 4000                 # announced

[factories]
budget = "1e8 EUR"           # announced
sites = 2                    # announced
chips = 1000                 # announced
"""

SCALING = """\
# Laws.
name = "Small laws"
flop = "6 FLOP"              # counted

[loss]
irreducible = 1.8            # fitted
parameter_scale = 480.0      # fitted
token_scale = 2000.0         # fitted
parameter_exponent = 0.35    # fitted
token_exponent = 0.36        # fitted

[critical_batch]
median = 1e6                 # fitted
tokens = 1e11                # fitted
exponent = 0.5               # fitted
factor = 2.0                 # estimate
"""

SWEEP = """\
# A sweep.
name = "Small sweep"
question = "Is small enough?"
site = "small-site"
workload = "small-job"
axes = ["site.chips=8,16"]
"""

SMALL = {
    "chips/small": CHIP,
    "nodes/small-node": NODE,
    "fabrics/small-fabric": FABRIC,
    "sites/small-site": SITE,
    "models/small-model": MODEL,
    "workloads/small-job": WORKLOAD,
    "stacks/small-stack": STACK,
    "storage/small-storage": STORAGE,
    "reliability/small-failures": RELIABILITY,
    "costs/small-costs": COSTS,
    "programmes/small-programme": PROGRAMME,
    "scaling/small-laws": SCALING,
    "sweeps/small-sweep": SWEEP,
}

Write = Callable[[str, str], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, the working directory and the only configs there are."""
    home = tmp_path / "mine"
    for name, text in SMALL.items():
        path = home / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    nothing = tmp_path / "shipped"
    nothing.mkdir()
    monkeypatch.setattr(library_module, "shipped", lambda: nothing)
    monkeypatch.delenv(library_module.FOLDERS, raising=False)
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes a config of the user: ``write("chips/mine", text)``."""

    def writer(name: str, text: str) -> Path:
        path = folder / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return writer


@pytest.fixture
def small(folder: Path) -> Library:
    """The small library, each file read when it is first asked for."""
    return Library([folder])


@pytest.fixture
def faults_of() -> Callable[..., list[str]]:
    """Calls, and returns one message per fault."""

    def caller(call: Callable, *args: object, **named: object) -> list[str]:
        with pytest.raises(Faults) as caught:
            call(*args, **named)
        return str(caught.value).splitlines()

    return caller
