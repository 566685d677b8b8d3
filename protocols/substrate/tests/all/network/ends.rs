//! Connected trios over every backend, for the tests of the network.

use qbench_substrate::net::{
    LinkShape, Mesh, Network, Party, RunId, TcpNetwork, local_trio_shaped,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The three ends, by party.
pub type Ends = [Box<dyn Network>; 3];
/// Connects three ends; `links[a][b]` is the link from a to b.
pub type Connect = fn([[LinkShape; 3]; 3], Duration) -> Ends;

/// Runs one program at all three parties, each in a thread; the results by party.
pub fn run<T: Send>(ends: Ends, program: impl Fn(&mut dyn Network) -> T + Sync) -> [T; 3] {
    let program = &program;
    std::thread::scope(|scope| {
        ends.map(|mut end| scope.spawn(move || program(end.as_mut())))
            .map(|thread| thread.join().unwrap())
    })
}

/// Links as they are.
pub const PLAIN: [[LinkShape; 3]; 3] = [[LinkShape {
    bandwidth_bits_per_second: None,
    one_way_delay: Duration::ZERO,
}; 3]; 3];

/// Long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A port that the system chooses.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub fn local(links: [[LinkShape; 3]; 3], timeout: Duration) -> Ends {
    local_trio_shaped(links, timeout)
        .unwrap()
        .map(|end| Box::new(end) as Box<dyn Network>)
}

pub fn tcp(links: [[LinkShape; 3]; 3], timeout: Duration) -> Ends {
    let run = RunId::random().unwrap();
    let listeners = Party::ALL.map(|_| TcpNetwork::listen(ANY_PORT).unwrap());
    let peers = [0, 1, 2].map(|i: usize| Some(listeners[i].local_addr()));
    std::thread::scope(|scope| {
        let mut parties = Party::ALL.into_iter();
        listeners
            .map(|listener| {
                let me = parties.next().unwrap();
                let mesh = Mesh {
                    me,
                    run,
                    peers,
                    links: links[me.index()],
                    timeout,
                };
                scope.spawn(move || Box::new(listener.connect(&mesh).unwrap()) as Box<dyn Network>)
            })
            .map(|thread| thread.join().unwrap())
    })
}
