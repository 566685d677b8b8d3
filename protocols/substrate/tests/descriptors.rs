//! A listening party in a process that has no file descriptor left. A binary of its own: the limit is the process's.

#![allow(clippy::unwrap_used)]

use nix::sys::resource::{Resource, setrlimit};
use qbench_substrate::net::{LinkShape, Mesh, Network, Party, RunId, TcpNetwork};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Calls that cannot be taken end no run: the parties meet as soon as there are descriptors again.
#[test]
fn parties_meet_after_descriptors_had_run_out() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listeners = [any; 3].map(|address| TcpNetwork::listen(address).unwrap());
    let peers = [0, 1, 2].map(|i: usize| Some(listeners[i].local_addr()));
    let run = RunId::random().unwrap();
    // A caller that waits to be taken, and then not a descriptor more.
    let caller = TcpStream::connect(peers[0].unwrap()).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, 64).unwrap();
    let mut held = Vec::new();
    let none_left = loop {
        match File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(none_left.raw_os_error(), Some(nix::libc::EMFILE));
    std::thread::scope(|scope| {
        let parties: Vec<_> = Party::ALL
            .into_iter()
            .zip(listeners)
            .map(|(me, listener)| {
                scope.spawn(move || {
                    let mut end = listener
                        .connect(&Mesh {
                            me,
                            run,
                            peers,
                            links: [LinkShape::default(); 3],
                            timeout: Duration::from_secs(60),
                        })
                        .map_err(|error| error.to_string())?;
                    for peer in me.others() {
                        end.send(peer, "met", vec![1]).unwrap();
                    }
                    for peer in me.others() {
                        assert_eq!(end.receive(peer, "met", 1).unwrap(), [1]);
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        let early = parties.iter().filter(|party| party.is_finished()).count();
        drop(held);
        assert_eq!(early, 0);
        for party in parties {
            assert_eq!(party.join().unwrap(), Ok(()));
        }
    });
    drop(caller);
}
