"""The arguments of QEMU: one machine, with nothing on it that the guest does not need.

No disk, no display, no USB, no network card: a serial port that is heard only while the guest is made, one port to the
driver, and the shared tree.
"""

from casemate.model.dataclass import dataclass

KERNEL_WORDS = (
    "quiet loglevel=1 panic=-1 console=ttyS0 no_timer_check tsc=reliable random.trust_cpu=on "
    "random.trust_bootloader=on "
    "apparmor=0 selinux=0 audit=0 cgroup_no_v1=all net.ifnames=0"
)
OF_TCG = "mitigations=off nopti"  # there is no speculation in translated code, and so nothing to mitigate
VIEW = "/casemate-guest"  # what is shared with the guest; no policy can grant it: nothing of the host lies there
TAGS = ("shared", "written")  # the same tree twice: the guest keeps nothing of the second one
CODE = 256  # MiB of translated code


@dataclass(frozen=True, slots=True)
class Machine:
    """What a guest is made of: the same for the one that is kept and for every copy of it."""

    qemu: str
    kernel: str
    initrd: str
    accelerator: str  # "tcg" or "kvm"
    memory: int  # bytes

    def plain(self) -> dict[str, str | int]:
        """Give it as a table of JSON."""
        return {name: getattr(self, name) for name in Machine.__match_args__}


def vector(machine: Machine, *, memory: str, port: int, control: int, serial: str, incoming: bool) -> tuple[str, ...]:
    """Give the arguments. `memory` is the file that is the guest's memory; `port` and `control` are descriptors."""
    kvm = machine.accelerator == "kvm"
    return (
        machine.qemu,
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-L", "/usr/share/qemu"),
        *("-accel", "kvm" if kvm else f"tcg,tb-size={CODE}", "-cpu", "host" if kvm else "max,la57=off"),
        *("-machine", "pc,memory-backend=ram,usb=off,vmport=off,smbus=off,hpet=off", "-smp", "1"),
        *("-m", f"{machine.memory >> 20}M"),
        *("-object", f"memory-backend-file,id=ram,size={machine.memory},mem-path={memory},share=on"),
        *("-kernel", machine.kernel, "-initrd", machine.initrd),
        *("-append", KERNEL_WORDS if kvm else f"{KERNEL_WORDS} {OF_TCG}"),
        *("-chardev", serial, "-serial", "chardev:serial"),
        *("-device", "virtio-serial-pci,max_ports=2", "-chardev", f"socket,id=port,fd={port}"),
        *("-device", "virtserialport,chardev=port,nr=1,name=casemate"),
        *(
            word
            for tag in TAGS
            for word in ("-fsdev", f"local,id={tag},path={VIEW},security_model=none,multidevs=remap")
        ),
        *(word for tag in TAGS for word in ("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}")),
        *("-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control"),
        *(("-incoming", "defer") if incoming else ()),
    )
