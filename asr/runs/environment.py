"""On what a run was computed. Holds no host name, user name or path: records are meant to be published."""

import hashlib
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asr.frozen import Frozen
from asr.numerics import DECIDING, available_cores, bfloat16

if TYPE_CHECKING:
    import torch

PACKAGES = (
    "torch",
    "numpy",
    "soundfile",
    "soxr",
    "safetensors",
    "sentencepiece",
    "jiwer",
    "rapidfuzz",
    "pydantic",
    "espeakng-loader",
)
# By name, as others of these libraries hold paths of the machine.
VARIABLES = (
    *DECIDING,
    "DNNL_DEFAULT_FPMATH_MODE",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "OMP_DYNAMIC",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
)


class Code(Frozen):
    """Which code ran."""

    version: str  # of attest-asr
    commit: str  # "" outside a git checkout
    changed: bool | None  # files of the package or data/ differ from the commit; null when not known
    digest: str  # SHA-256 over the package's source files: names the code even without git


class Environment(Frozen):
    """Machine and libraries."""

    python: str  # version
    system: str  # kernel and its version
    machine: str  # architecture
    processor: str  # its name
    instructions: str  # what torch's kernels were chosen for: AVX2, AVX512, ...
    cores: int  # that the process may use
    memory: int  # bytes
    packages: dict[str, str]  # versions
    libsndfile: str  # version: it decodes the audio
    libc: str = ""  # C library and its version; "" before format 2
    torch_build: dict[str, str]  # BLAS, oneDNN, CUDA, compiler
    variables: dict[str, str]  # those that decide numerics


def code_digest() -> str:
    """SHA-256 over the package's source files."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_code() -> Code:
    package = Path(__file__).resolve().parents[1]
    commit = _git(package, "rev-parse", "HEAD") if (package.parent / ".git").exists() else None
    status = _git(package, "status", "--porcelain", "--", ".", "../data") if commit else None
    changed = None if status is None else bool(status)
    return Code(version=version("attest-asr"), commit=commit or "", changed=changed, digest=code_digest())


def read_environment() -> Environment:
    import soundfile
    import torch

    return Environment(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        processor=processor(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        cores=available_cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        libsndfile=soundfile.__libsndfile_version__,
        libc=" ".join(platform.libc_ver()),
        torch_build=_torch_build(),
        variables={name: os.environ[name] for name in sorted(VARIABLES) if name in os.environ},
    )


def processor() -> str:
    """Its name, "" where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def peak_memory() -> int:
    """Bytes, the most that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def describe_device(device: "torch.device") -> str:
    import torch

    if device.type == "cpu":
        return "cpu"
    precision = "bf16 and float32" if bfloat16(device) else "float32"
    return f"cuda: {torch.cuda.get_device_name(device)}, {precision}"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _torch_build() -> dict[str, Any]:
    import torch

    lines = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    wanted = {"blas": "Intel(R) oneAPI Math Kernel", "onednn": "Intel(R) MKL-DNN", "compiler": "GCC"}
    found = {key: line for key, start in wanted.items() for line in lines if line.startswith(start)}
    backends: Any = torch.backends  # not typed
    cudnn = backends.cudnn.version() if torch.cuda.is_available() else None
    return {**found, "cuda": str(torch.version.cuda or ""), "cudnn": str(cudnn or "")}


class Sides(NamedTuple):
    """What two environments are of, behind each of the two values."""

    first: str
    second: str

    def differ(self, what: str, first: object, second: object) -> str:
        return f"{what} {first} {self.first}, {second} {self.second}"


SESSIONS = Sides("before", "now")  # of one run, which was interrupted in between


def differences(first: Environment, second: Environment, sides: Sides = SESSIONS) -> list[str]:
    """In words; anything here can change bits."""
    found = []
    for name in sorted(first.packages.keys() | second.packages.keys()):
        versions = [each.packages.get(name) for each in (first, second)]
        if versions[0] != versions[1]:
            found.append(sides.differ(name, *(version or "none" for version in versions)))
    for key in ("python", "machine", "processor", "instructions", "libsndfile", "libc"):
        values = getattr(first, key), getattr(second, key)
        if values[0] != values[1]:
            found.append(sides.differ(f"{key}:", *values))
    for name in sorted(first.variables.keys() | second.variables.keys()):
        settings = [each.variables.get(name, "not set") for each in (first, second)]
        if settings[0] != settings[1]:
            found.append(sides.differ(f"{name}:", *settings))
    return found
