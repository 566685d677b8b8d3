//! Interfaces, addresses and routes of a rig, by netlink.
//!
//! Party p has the address 10.77.0.(p+1) on its loopback interface and an interface `to-pq` to each peer q, which
//! has the address too, for programs that look up the address of an interface.
//! With a relay the other end lies in the middle and is called `pp-pq`; with netem it is the peer's own.
//! Neighbours are written down, so no address resolution crosses a link.

use crate::link::netlink::{Netlink, Request, index_of, link_part};
use crate::link::{Link, LinkMode, netem};
use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

/// The namespaces under construction: of the three parties, and the middle.
pub struct Namespaces {
    /// By party.
    pub parties: [File; 3],
    /// Where the relay lives.
    pub middle: File,
}

/// `linux/if_link.h` and `linux/veth.h`, where libc lacks them.
const IFLA_GSO_MAX_SIZE: u16 = 41;
const IFLA_GSO_IPV4_MAX_SIZE: u16 = 63;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

/// The party's address.
pub fn address(party: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, party as u8 + 1)
}

/// The party's interface to a peer.
pub fn interface(peer: usize) -> String {
    format!("to-p{peer}")
}

/// The middle's interface on `party`'s side of its link to `peer`.
pub fn middle_interface(party: usize, peer: usize) -> String {
    format!("p{party}-p{peer}")
}

/// The hardware address of `party`'s interface to `peer`: locally administered.
fn hardware(party: usize, peer: usize) -> [u8; 6] {
    [0x02, 0x77, 0, 0, party as u8 + 1, peer as u8 + 1]
}

const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];

/// Makes everything. Leaves the calling thread in the middle.
///
/// # Errors
/// What the kernel refused, with what was asked.
pub fn build(link: &Link, namespaces: &Namespaces) -> Result<()> {
    go(&namespaces.middle)?;
    let mut netlink = Netlink::open()?;
    for (a, b) in PAIRS {
        let near = end(namespaces, link, a, b);
        if link.mode == LinkMode::Relay {
            veth(&mut netlink, &near, &middle_end(namespaces, a, b))?;
        } else if a < b {
            veth(&mut netlink, &near, &end(namespaces, link, b, a))?;
        }
    }
    for (party, namespace) in namespaces.parties.iter().enumerate() {
        go(namespace)?;
        furnish(link, party)?;
    }
    go(&namespaces.middle)?;
    if link.mode == LinkMode::Relay {
        for (a, b) in PAIRS {
            up(&mut netlink, &middle_interface(a, b))?;
        }
    }
    Ok(())
}

/// Moves the calling thread.
pub fn go(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).context("entering a namespace of the rig")
}

/// One end of a veth pair.
struct End {
    name: String,
    hardware: Option<[u8; 6]>,
    namespace: i32,
    /// Longest unit that the kernel hands over uncut, bytes; `None` is its own choice.
    longest_unit: Option<u32>,
}

fn end(namespaces: &Namespaces, link: &Link, party: usize, peer: usize) -> End {
    End {
        name: interface(peer),
        hardware: Some(hardware(party, peer)),
        namespace: namespaces.parties[party].as_raw_fd(),
        longest_unit: longest_unit(link, party, peer),
    }
}

fn middle_end(namespaces: &Namespaces, party: usize, peer: usize) -> End {
    End {
        name: middle_interface(party, peer),
        hardware: None,
        namespace: namespaces.middle.as_raw_fd(),
        longest_unit: None,
    }
}

/// A unit is delivered when its last bit has come, so on slow links units are kept to about a quarter of a
/// millisecond, and to whole segments.
fn longest_unit(link: &Link, party: usize, peer: usize) -> Option<u32> {
    const SEGMENT_BYTES: u64 = 1448;
    let bandwidth = link.direction(party, peer).bandwidth?;
    let quarter = bandwidth.bits_per_second / 8 / 4000;
    let segments = (quarter / SEGMENT_BYTES).max(2);
    (segments < 44).then_some((segments * SEGMENT_BYTES + 120) as u32)
}

impl End {
    fn write(&self, request: &mut Request) {
        request.text(libc::IFLA_IFNAME, &self.name);
        request.attribute(libc::IFLA_NET_NS_FD, &self.namespace.to_ne_bytes());
        if let Some(hardware) = self.hardware {
            request.attribute(libc::IFLA_ADDRESS, &hardware);
        }
        if let Some(bytes) = self.longest_unit {
            request.attribute(IFLA_GSO_MAX_SIZE, &bytes.to_ne_bytes());
            request.attribute(IFLA_GSO_IPV4_MAX_SIZE, &bytes.to_ne_bytes());
        }
    }
}

fn veth(netlink: &mut Netlink, near: &End, far: &End) -> Result<()> {
    let mut request = Request::new(
        libc::RTM_NEWLINK,
        libc::NLM_F_CREATE | libc::NLM_F_EXCL,
        &link_part(0, 0),
    );
    near.write(&mut request);
    let info = request.open(IFLA_LINKINFO, &[]);
    request.text(IFLA_INFO_KIND, "veth");
    let data = request.open(IFLA_INFO_DATA, &[]);
    let peer = request.open(VETH_INFO_PEER, &link_part(0, 0));
    far.write(&mut request);
    request.close(peer);
    request.close(data);
    request.close(info);
    match netlink.ask(&request) {
        Ok(_) => Ok(()),
        Err(Errno::EOPNOTSUPP) => Err(anyhow!(
            "this kernel has no veth interfaces: load them (modprobe veth), or build it with CONFIG_VETH"
        )),
        Err(error) => Err(error)
            .with_context(|| format!("making the veth pair `{}` and `{}`", near.name, far.name)),
    }
}

/// Tries a veth pair in the namespace of the caller, for probes.
///
/// # Errors
/// As [`build`].
pub fn try_veth() -> Result<()> {
    let here = File::open("/proc/self/ns/net")?;
    let end = |name: &str| End {
        name: name.to_owned(),
        hardware: None,
        namespace: here.as_raw_fd(),
        longest_unit: None,
    };
    veth(&mut Netlink::open()?, &end("probe-a"), &end("probe-b"))
}

/// Addresses, routes, neighbours and shaping inside a party's namespace.
fn furnish(link: &Link, party: usize) -> Result<()> {
    let mut netlink = Netlink::open()?;
    up(&mut netlink, "lo")?;
    own_address(&mut netlink, party, "lo")?;
    for peer in (0..3).filter(|&peer| peer != party) {
        let name = interface(peer);
        up(&mut netlink, &name)?;
        own_address(&mut netlink, party, &name)?;
        route(&mut netlink, party, peer)
            .and_then(|()| neighbour(&mut netlink, party, peer))
            .with_context(|| format!("routing from P{party} to P{peer}"))?;
        if link.mode == LinkMode::Netem {
            netem::set(&name, &link.direction(party, peer))?;
        }
    }
    Ok(())
}

/// Gives an interface the party's address.
fn own_address(netlink: &mut Netlink, party: usize, name: &str) -> Result<()> {
    let own = address(party).octets();
    // ifaddrmsg: family, prefix length, flags, scope, index.
    let mut part = vec![libc::AF_INET as u8, 32, 0, libc::RT_SCOPE_UNIVERSE];
    part.extend(index_of(name)?.to_ne_bytes());
    let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut request = Request::new(libc::RTM_NEWADDR, create, &part);
    request.attribute(libc::IFA_LOCAL, &own);
    request.attribute(libc::IFA_ADDRESS, &own);
    netlink
        .ask(&request)
        .with_context(|| format!("giving P{party} its address on {name}"))?;
    Ok(())
}

fn up(netlink: &mut Netlink, name: &str) -> Result<()> {
    let request = Request::new(
        libc::RTM_NEWLINK,
        0,
        &link_part(index_of(name)?, libc::IFF_UP),
    );
    netlink
        .ask(&request)
        .with_context(|| format!("bringing up {name}"))?;
    Ok(())
}

fn route(netlink: &mut Netlink, party: usize, peer: usize) -> Result<()> {
    // rtmsg: family, lengths of destination and source, service, table, protocol, scope, type, flags.
    let mut part = vec![
        libc::AF_INET as u8,
        32,
        0,
        0,
        libc::RT_TABLE_MAIN,
        libc::RTPROT_BOOT,
        libc::RT_SCOPE_LINK,
        libc::RTN_UNICAST,
    ];
    part.extend([0; 4]);
    let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut request = Request::new(libc::RTM_NEWROUTE, create, &part);
    request.attribute(libc::RTA_DST, &address(peer).octets());
    request.attribute(libc::RTA_PREFSRC, &address(party).octets());
    request.attribute(libc::RTA_OIF, &index_of(&interface(peer))?.to_ne_bytes());
    netlink.ask(&request)?;
    Ok(())
}

fn neighbour(netlink: &mut Netlink, party: usize, peer: usize) -> Result<()> {
    // ndmsg: family and padding, index, state, flags, type.
    let mut part = vec![libc::AF_INET as u8, 0, 0, 0];
    part.extend(index_of(&interface(peer))?.to_ne_bytes());
    part.extend(libc::NUD_PERMANENT.to_ne_bytes());
    part.extend([0, 0]);
    let create = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let mut request = Request::new(libc::RTM_NEWNEIGH, create, &part);
    request.attribute(libc::NDA_DST, &address(peer).octets());
    request.attribute(libc::NDA_LLADDR, &hardware(peer, party));
    netlink.ask(&request)?;
    Ok(())
}
