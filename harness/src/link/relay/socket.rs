//! A raw packet socket on one interface. Frames come and go with the kernel's note on how they are still to
//! be cut and summed (`virtio_net_hdr`), so that up to 64 KiB of a TCP stream pass as one unit: at 1 Gbit/s
//! that costs a sixth of what single frames cost.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{ControlMessageOwned, recvmsg, send, setsockopt, socket};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The kernel's note before each frame.
pub const NOTE_BYTES: usize = 10;
/// The longest unit: 64 KiB of payload and what stands before it.
pub const UNIT_BYTES: usize = (64 << 10) + 512;

/// From `linux/if_packet.h`.
const PACKET_VNET_HDR: i32 = 15;
const PACKET_QDISC_BYPASS: i32 = 20;
const PACKET_IGNORE_OUTGOING: i32 = 23;
/// Room for what arrives while the relay is not scheduled.
const BUFFER_BYTES: usize = 32 << 20;

/// A packet socket of one interface.
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens a socket on an interface of this namespace.
    ///
    /// # Errors
    /// The operating system's, with the interface.
    pub fn open(interface: &str) -> Result<Self> {
        // Without a protocol it hears nothing yet: first its options, then its interface.
        let fd = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None::<SockProtocol>,
        )
        .context("opening a packet socket")?;
        for (option, name) in [
            (PACKET_VNET_HDR, "PACKET_VNET_HDR"),
            (PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING"),
            (PACKET_QDISC_BYPASS, "PACKET_QDISC_BYPASS"),
        ] {
            switch_on(fd.as_fd(), option).with_context(|| format!("{name} on {interface}"))?;
        }
        // Beyond the system's limit where allowed.
        if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
            setsockopt(&fd, sockopt::RcvBuf, &BUFFER_BYTES)?;
        }
        setsockopt(&fd, sockopt::SndBuf, &BUFFER_BYTES)?;
        setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
        let index = super::super::netlink::index_of(interface)?;
        attach(fd.as_fd(), index).with_context(|| format!("binding to {interface}"))?;
        Ok(Self(fd))
    }

    /// The next unit, its note first, and when it came, by the kernel's clock of the day: the time that the
    /// relay took to wake up is not part of the link. `None` if there is none now.
    ///
    /// # Errors
    /// The interface went away.
    pub fn receive<'a>(
        &self,
        buffer: &'a mut [u8],
        note: &mut [u8],
    ) -> Result<Option<(&'a [u8], u64)>> {
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(note), flags);
        let (length, at_ns) = match received {
            Ok(message) => {
                let at_ns = message.cmsgs()?.find_map(|part| match part {
                    ControlMessageOwned::ScmTimestampns(at) => Some(at),
                    _ => None,
                });
                let at = at_ns.context("a frame came without its time")?;
                let at_ns = at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64;
                (message.bytes, at_ns)
            }
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return Ok(None),
            Err(error) => return Err(error).context("receiving a frame"),
        };
        Ok(buffer.get(..length).map(|unit| (unit, at_ns)))
    }

    /// Sends a unit as it was received; false if the interface did not take it.
    pub fn send(&self, unit: &[u8]) -> bool {
        send(self.0.as_raw_fd(), unit, MsgFlags::MSG_DONTWAIT).is_ok()
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn switch_on(fd: BorrowedFd<'_>, option: i32) -> Result<(), Errno> {
    let on: i32 = 1;
    // SAFETY: the pointer is to a live integer of the length given; the kernel copies it.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const on).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    Errno::result(result).map(|_| ())
}

fn attach(fd: BorrowedFd<'_>, index: u32) -> Result<(), Errno> {
    // SAFETY: an all-zero `sockaddr_ll` is a valid value of that plain structure.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    // SAFETY: the pointer is to a live address of the length given; the kernel copies it.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    Errno::result(result).map(|_| ())
}

/// Asks for the first-in-first-out real-time class; false where this is not allowed.
pub fn become_real_time() -> bool {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: the pointer is to a live parameter; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) == 0 }
}
