"""The sandbox's walls: what Linux lets an ordinary process put around its children.

- `enter` moves the keeper (`sandbox_keeper.py`) into namespaces of its own: no network,
  no other processes, every file read-only. A kernel or container may forbid this; then
  `enter` says so and the keeper at least becomes the parent of all orphans.
- `fence` takes from one program's process what it could undo its limits with.
- `sweep` ends every process a program left behind, `empty` removes every file.
- The numbers are the kernel's, the same on every processor. Elsewhere than on Linux
  nothing of this exists: limits and process groups remain.

Standard library only; `sandbox.limits()` reports what holds. Explained in chapter 2.
"""

import ctypes
import os
import signal
import struct
import sys

WALLS = (
    "memory",  # a limit on address space
    "orphans",  # processes whose parent ended become the keeper's
    "processes",  # only the program's own can be seen or signalled
    "network",  # there is none
    "files",  # nothing outside the program's folder can be written
    "shared",  # /dev/shm is a place of our own
    "number",  # of processes a program can make
)
# unshare: mounts, IPC, user, processes, network
NAMESPACES = 0x20000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
PRIVATE, NOSUID_NODEV, BIND = 0x4000 | 1 << 18, 2 | 4, 4096  # mount
AS_READ_ONLY = BIND | 32 | 1
RESERVED = 300  # numbers of processes the kernel does not give out again
SYS_MOUNT_SETATTR, HERE, RECURSIVE, READ_ONLY, NO_DEVICES = 442, -100, 0x8000, 1, 4
DEVICES = [f"/dev/{name}".encode() for name in ("null", "zero", "random", "urandom")]
PDEATHSIG, DUMPABLE, SUBREAPER, NO_NEW_PRIVILEGES = 1, 4, 36, 38  # prctl
CAPABILITIES = struct.pack("Ii", 0x20080522, 0)  # version 3, of this process
PROCESSES = 128  # that a program may have at once, where they can be limited
PLACES = 64  # MB that a program's folder and its shared memory may hold


def enter(folder: str, wanted: bool = True) -> dict[str, bool]:
    """Put up what this system allows; the caller goes on behind the walls.

    Args: folder: the one place where programs may write; wanted: False leaves the
        namespaces out, as a system that forbids them does.
    Returns: which of `WALLS` hold.
    """
    held = dict.fromkeys(WALLS, False)
    if sys.platform != "linux":
        return held
    held["memory"] = True
    libc = ctypes.CDLL(None)
    user, group = os.getuid(), os.getgid()
    if wanted and libc.unshare(NAMESPACES) == 0:
        names = {
            "setgroups": "deny",
            "uid_map": f"{user} {user} 1",
            "gid_map": f"{group} {group} 1",
        }
        for name, text in names.items():
            try:
                with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError:  # the programs see themselves as "nobody"
                pass
        if inner := os.fork():  # only children are in the new namespace of processes
            os.close(0)
            os.close(1)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 255)
        libc.prctl(PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        held.update(orphans=True, processes=True, network=True)
        held.update(number=user != 0)  # the limit in `fence` does not bind root
        held.update(_mount(libc, folder.encode()))
    else:
        held["orphans"] = libc.prctl(SUBREAPER, 1, 0, 0, 0) == 0
    libc.prctl(DUMPABLE, 0, 0, 0, 0)  # nobody reads or writes our memory and files
    return held


def _mount(libc, folder: bytes) -> dict[str, bool]:
    """Make all files read-only but those in `folder` and in an empty /dev/shm.

    Devices but for `DEVICES` cannot be opened.
    """

    def mount(kind: bytes, place: bytes, flags: int, options: bytes = b"") -> bool:
        return libc.mount(kind, place, kind, flags, options) == 0

    def change(place: bytes, flags: int, add: int, remove: int) -> bool:
        how = struct.pack("4Q", add, remove, 0, 0)
        return libc.syscall(SYS_MOUNT_SETATTR, HERE, place, flags, how, len(how)) == 0

    size = f"size={PLACES}m,mode=0700".encode()
    if libc.mount(None, b"/", None, PRIVATE, None):
        return {}
    if not mount(b"tmpfs", folder, NOSUID_NODEV, size):
        return {}
    for device in DEVICES:  # the harmless ones: root could write to a disk
        libc.mount(device, device, None, BIND, None)
    if not change(b"/", RECURSIVE, READ_ONLY | NO_DEVICES, 0):
        return {}
    change(folder, 0, 0, READ_ONLY)
    for device in DEVICES:
        change(device, 0, 0, NO_DEVICES)
    holds = {"files": True, "shared": mount(b"tmpfs", b"/dev/shm", NOSUID_NODEV, size)}
    if mount(b"proc", b"/proc", NOSUID_NODEV):
        try:  # of this namespace alone, since Linux 6.14
            with open("/proc/sys/kernel/pid_max", "w", encoding="utf-8") as file:
                file.write(str(RESERVED + PROCESSES))
            holds["number"] = True
        except OSError:
            pass
        libc.mount(None, b"/proc", None, AS_READ_ONLY | NOSUID_NODEV, None)
    return holds


def fence(held: dict[str, bool]) -> None:
    """For a program's process: no privileges, none to be had, open to itself."""
    os.setsid()
    if held["processes"]:  # else the user's other processes count too
        import resource

        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)  # it ends with the keeper
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.capset(CAPABILITIES, bytes(24))  # root could raise its limits again
        libc.prctl(DUMPABLE, 1, 0, 0, 0)


def sweep(held: dict[str, bool], group: int) -> None:
    """End the processes of a program's group, and those that left it, as far as known."""
    while True:
        # Process 1 of a namespace reaches all others in it, and nobody else.
        if held["processes"] and os.getpid() == 1:
            kill(os.kill, -1)
        else:
            kill(os.killpg, group)
            for child in _children() if held["orphans"] else ():
                kill(os.kill, child)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def empty(folder: str) -> None:
    """Remove what a folder holds, however deep, closed or linked to elsewhere it is."""
    try:
        while entries := list(os.scandir(folder)):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                os.chmod(entry.path, 0o700)
                for inner in os.scandir(entry.path):  # one level up, not one call down
                    os.rename(inner.path, os.path.join(folder, os.urandom(16).hex()))
                os.rmdir(entry.path)
    except OSError:  # it is gone, or not ours
        pass


def kill(how, target: int) -> None:
    """End a process or a group by `how`, os.kill or os.killpg; it may be gone already."""
    try:
        how(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _children() -> list[int]:
    """Those whose parent is this process, orphans among them."""
    found = []
    for number in _numbers():
        try:
            with open(f"/proc/{number}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == os.getpid():
            found.append(number)
    return found
