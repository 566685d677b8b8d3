//! The little of rtnetlink that links need: one request, one answer. Requests act in the network namespace in
//! which the socket was opened.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};
use std::os::fd::{AsRawFd, OwnedFd};

/// A route socket of the current network namespace.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// A request under construction: header, fixed part, attributes. Lengths are filled in as parts close.
pub struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// Where an open nested attribute began.
#[must_use]
pub struct Nest(usize);

const HEADER_BYTES: usize = 16;
const ANSWER_BYTES: usize = 64 << 10;

impl Request {
    /// A request of a message type, such as `RTM_NEWLINK`, whose fixed part is `fixed`.
    pub fn new(kind: u16, flags: i32, fixed: &[u8]) -> Self {
        Self {
            kind,
            flags: (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16,
            body: fixed.to_vec(),
        }
    }

    /// One attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = (4 + value.len()) as u16;
        self.body.extend(length.to_ne_bytes());
        self.body.extend(kind.to_ne_bytes());
        self.body.extend(value);
        self.pad();
        self
    }

    /// An attribute that is text, closed by a zero.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let bytes: Vec<u8> = value.bytes().chain([0]).collect();
        self.attribute(kind, &bytes)
    }

    /// Opens an attribute that holds attributes, after a fixed part of its own.
    pub fn open(&mut self, kind: u16, fixed: &[u8]) -> Nest {
        let at = self.body.len();
        self.attribute(kind, fixed);
        Nest(at)
    }

    /// Closes it.
    pub fn close(&mut self, nest: Nest) -> &mut Self {
        let length = (self.body.len() - nest.0) as u16;
        self.body[nest.0..nest.0 + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    fn bytes(&self, sequence: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.body.len());
        bytes.extend(((HEADER_BYTES + self.body.len()) as u32).to_ne_bytes());
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend(self.flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

impl Netlink {
    /// Opens a socket.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open() -> Result<Self> {
        let opened = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )
        .and_then(|socket| bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).map(|()| socket));
        Ok(Self {
            socket: opened.context("opening a netlink socket")?,
            sequence: 0,
        })
    }

    /// Sends a request and waits until the kernel has done it; returns the answers before the last.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn ask(&mut self, request: &Request) -> Result<Vec<Vec<u8>>, Errno> {
        self.sequence += 1;
        let fd = self.socket.as_raw_fd();
        send(fd, &request.bytes(self.sequence), MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; ANSWER_BYTES];
        loop {
            let length = recv(fd, &mut buffer, MsgFlags::empty())?;
            let mut rest = &buffer[..length];
            while let Some((message, after)) = next(rest) {
                rest = after;
                match message.kind {
                    kind if kind == libc::NLMSG_ERROR as u16 => {
                        return match message.error() {
                            0 => Ok(answers),
                            code => Err(Errno::from_raw(-code)),
                        };
                    }
                    kind if kind == libc::NLMSG_DONE as u16 => return Ok(answers),
                    _ => answers.push(message.body.to_vec()),
                }
            }
        }
    }
}

struct Message<'a> {
    kind: u16,
    body: &'a [u8],
}

impl Message<'_> {
    fn error(&self) -> i32 {
        self.body
            .first_chunk()
            .map_or(-libc::EBADMSG, |code| i32::from_ne_bytes(*code))
    }
}

/// Splits the first message off what was received.
fn next(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
    let body = bytes.get(HEADER_BYTES..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((Message { kind, body }, after))
}

/// The value of the first attribute of a kind in a run of attributes.
pub fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        let kind = u16::from_ne_bytes([attributes[2], attributes[3]]) & 0x3fff;
        let value = attributes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// The fixed part of link messages: family, type, index, flags and which flags change.
pub fn link_part(index: u32, flags: i32) -> Vec<u8> {
    let mut part = vec![0; 4];
    part.extend(index.to_ne_bytes());
    part.extend((flags as u32).to_ne_bytes());
    part.extend((flags as u32).to_ne_bytes());
    part
}

/// The index of an interface of this namespace.
///
/// # Errors
/// One line with its name.
pub fn index_of(interface: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(interface)
        .with_context(|| format!("there is no interface `{interface}` in this namespace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_know_their_length() {
        let mut request = Request::new(libc::RTM_NEWLINK, 0, &link_part(0, 0));
        request.text(3, "ab");
        let nest = request.open(18, &[]);
        request.text(1, "veth");
        request.close(nest);
        let attributes = &request.body[16..];
        assert_eq!(find(attributes, 3), Some(&b"ab\0"[..]));
        let inner = find(attributes, 18).unwrap();
        assert_eq!(find(inner, 1), Some(&b"veth\0"[..]));
        assert_eq!(find(inner, 2), None);
        assert_eq!(request.bytes(7).len() % 4, 0);
    }

    #[test]
    fn the_kernel_answers_for_an_interface_that_is_not_there() {
        let mut netlink = Netlink::open().unwrap();
        let mut request = Request::new(libc::RTM_GETLINK, 0, &link_part(0, 0));
        request.text(libc::IFLA_IFNAME, "qb-none");
        assert_eq!(netlink.ask(&request), Err(Errno::ENODEV));
        let mut request = Request::new(libc::RTM_GETLINK, 0, &link_part(0, 0));
        request.text(libc::IFLA_IFNAME, "lo");
        let answers = netlink.ask(&request).unwrap();
        assert_eq!(
            find(&answers[0][16..], libc::IFLA_IFNAME),
            Some(&b"lo\0"[..])
        );
    }
}
