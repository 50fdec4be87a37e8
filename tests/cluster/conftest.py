"""A real Slurm of one node, on the loopback of this machine, for the tests marked ``cluster``."""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class Slurm:
    """The site: its commands, and the daemons that keep it."""

    folder: Path
    host: str

    def command(self, *words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout

    def jobs(self) -> dict[str, str]:
        """State of every job by its number, with that of the last ones."""
        lines = self.command("squeue", "--states=all", "--array", "--noheader", "--format=%F_%K|%T").splitlines()
        return dict(line.replace("_N/A", "").split("|") for line in lines)

    def alive(self) -> dict[str, str]:
        return {number: state for number, state in self.jobs().items() if state in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING")}

    def spare_the_wait(self) -> None:
        """Let requeued jobs start now, which Slurm lets wait for two minutes."""
        for number, state in self.jobs().items():
            if state == "PENDING":
                subprocess.run(["scontrol", "update", f"jobid={number}", "StartTime=now"], capture_output=True, timeout=60)

    def steps(self) -> list[psutil.Process]:
        """The processes of jobs that submitit leads."""
        return [p for p in psutil.process_iter(["cmdline"]) if "submitit.core._submit" in (p.info["cmdline"] or [])[:5] and _is_python(p)]

    def start(self, daemon: str, *words: str) -> None:
        subprocess.run([shutil.which(daemon), *words], check=True, timeout=60)

    def stop(self, daemon: str, how: str = "terminate") -> None:
        pid_file = self.folder / f"{daemon}.pid"
        try:
            process = psutil.Process(int(pid_file.read_text()))
            getattr(process, how)()
            process.wait(30)
        except (FileNotFoundError, psutil.NoSuchProcess):
            pass
        pid_file.unlink(missing_ok=True)

    def idle(self) -> bool:
        return self.command("sinfo", "--noheader", "--format=%T").strip() == "idle"


def _is_python(process: psutil.Process) -> bool:
    return "python" in Path(process.info["cmdline"][0]).name


def wait_for(condition, seconds: float = 60.0):
    """The first truth of the condition; fails the test where it does not come."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.1)
    return answer


def _install() -> str:
    """Install Slurm where it lacks; why it cannot be, or an empty string."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if all(map(shutil.which, PROGRAMS)):
        return "" if os.getuid() == 0 else "the daemons of a Slurm of one node need root"
    if os.getuid() or not shutil.which("apt-get"):
        return f"there is no Slurm on this machine and it cannot be installed without root and apt-get: install {' '.join(PACKAGES)}"
    for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-q", *words], capture_output=True, text=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
    return "" if not done.returncode else f"apt-get install {' '.join(PACKAGES)} failed: {done.stderr.strip().splitlines()[-1:]}"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    problem = _install()
    if problem:
        pytest.skip(f"NOT TESTED on a real Slurm: {problem}")
    folder, host = tmp_path_factory.mktemp("slurm"), socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, ports=_free_ports(2), cores=os.cpu_count()))
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    files = {name: f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in ("socket", "key-file", "pid-file", "seed-file")}
    munged = subprocess.Popen(["munged", "--foreground", "--force", *files.values()], stderr=(folder / "munged.log").open("w"))
    site = Slurm(folder, host)
    try:
        wait_for((folder / "munge.socket").exists, 10)
        site.start("slurmctld", "-c")
        site.start("slurmd")
        wait_for(site.idle)
        yield site
    finally:
        subprocess.run(["scancel", f"--user={os.getuid()}"], timeout=60)
        for step in psutil.wait_procs(site.steps(), 20)[1]:
            step.kill()
        site.stop("slurmd")
        site.stop("slurmctld")
        munged.terminate()
        munged.wait(10)
        del os.environ["SLURM_CONF"]
