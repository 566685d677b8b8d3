//! How the TCP mesh comes about, and what must not disturb it.

use super::ends::{ANY_PORT, PATIENCE};
use qbench_substrate::net::{
    LinkShape, Listener, Mesh, NetError, Network, Party, RunId, TcpNetwork,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

fn mesh(me: Party, run: RunId, peers: [Option<SocketAddr>; 3]) -> Mesh {
    Mesh {
        me,
        run,
        peers,
        links: [LinkShape::default(); 3],
        timeout: PATIENCE,
    }
}

/// Three listeners and their addresses. P0's is a loopback address that nothing else uses: tests
/// that close it and listen again find the port free.
fn listeners() -> ([Listener; 3], [Option<SocketAddr>; 3]) {
    let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let listeners = [own, ANY_PORT, ANY_PORT].map(|a| TcpNetwork::listen(a).unwrap());
    let addresses = [0, 1, 2].map(|i: usize| Some(listeners[i].local_addr()));
    (listeners, addresses)
}

/// Each party sends its number to the others.
fn exchange(mut end: TcpNetwork) {
    for peer in end.me().others() {
        end.send(peer, "hello", vec![end.me().index() as u8])
            .unwrap();
    }
    for peer in end.me().others() {
        assert_eq!(end.receive(peer, "hello", 1).unwrap(), [peer.index() as u8]);
    }
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    let first = TcpNetwork::listen(ANY_PORT).unwrap();
    let error = TcpNetwork::listen(first.local_addr()).unwrap_err();
    assert!(matches!(error, NetError::Listen { address, .. } if address == first.local_addr()));
    let text = error.to_string();
    assert!(text.contains(&first.local_addr().to_string()), "{text}");
    assert!(text.contains("in use"), "{text}");
}

#[test]
fn strangers_are_refused_and_do_not_disturb() {
    let run = RunId::random().unwrap();
    let ([l0, l1, l2], peers) = listeners();
    // One who talks nonsense, one who stays silent, one who hangs up, a party of another run, one
    // that calls the wrong party, and one that only claims to be a party by its first bytes.
    let call = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(peers[0].unwrap()).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let hello = |run: [u8; 16], from: u8, to: u8| [&b"qbench-1"[..], &run, &[from, to]].concat();
    let mut nonsense = call(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let silent = call(b"");
    drop(call(b"qb"));
    let mut other_run = call(&hello([9; 16], 1, 0));
    let mut misguided = call(&hello(run.0, 1, 2));
    let beginner = call(b"qbench-1");
    let mut nobody = call(&hello(run.0, 3, 0));
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(l0.connect(&mesh(Party::P0, run, peers)).unwrap()));
        std::thread::sleep(Duration::from_millis(50));
        scope.spawn(|| exchange(l1.connect(&mesh(Party::P1, run, peers)).unwrap()));
        scope.spawn(|| exchange(l2.connect(&mesh(Party::P2, run, peers)).unwrap()));
    });
    let heard = |stream: &mut TcpStream| {
        let mut bytes = Vec::new();
        // A reset ends the reading like a close.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    };
    assert_eq!(heard(&mut nonsense), b"");
    assert_eq!(heard(&mut nobody), b"");
    assert_eq!(heard(&mut other_run), b"qbench+1\x01");
    assert_eq!(heard(&mut misguided), b"qbench+1\x02");
    drop((silent, beginner));
}

/// A thousand callers that say nothing, or only the beginning of what a party says, before and while the parties come.
#[test]
fn a_crowd_of_strangers_keeps_nobody_out() {
    let run = RunId::random().unwrap();
    let ([l0, l1, l2], peers) = listeners();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            let mut callers = std::collections::VecDeque::new();
            for called in 0..1000 {
                if stop.load(order) {
                    break;
                }
                let patience = Duration::from_millis(200);
                if let Ok(mut stream) = TcpStream::connect_timeout(&peers[0].unwrap(), patience) {
                    let _ = stream.write_all(&b"qbench-1"[..called % 9]);
                    callers.push_back(stream);
                }
                // This process's own descriptors are bounded too.
                if callers.len() > 300 {
                    callers.pop_front();
                }
            }
        });
        let parties = [
            scope.spawn(|| exchange(l0.connect(&mesh(Party::P0, run, peers)).unwrap())),
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                exchange(l1.connect(&mesh(Party::P1, run, peers)).unwrap());
            }),
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                exchange(l2.connect(&mesh(Party::P2, run, peers)).unwrap());
            }),
        ];
        let outcomes = parties.map(|party| party.join());
        stop.store(true, order);
        crowd.join().unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
    });
}

#[test]
fn a_second_caller_of_the_same_name_is_refused() {
    let run = RunId::random().unwrap();
    let ([l0, l1, l2], peers) = listeners();
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(l0.connect(&mesh(Party::P0, run, peers)).unwrap()));
        let p1 = scope.spawn(|| exchange(l1.connect(&mesh(Party::P1, run, peers)).unwrap()));
        // Retries as long as P0 waits for P2, whether before or after the true P1.
        std::thread::sleep(Duration::from_millis(100));
        let twin = Mesh {
            timeout: Duration::from_millis(100),
            ..mesh(Party::P1, run, peers)
        };
        // On a busy machine the last call before the twin gives up may go without an answer.
        let refused = (0..20).any(|_| {
            let listener = TcpNetwork::listen(ANY_PORT).unwrap();
            let error = listener.connect(&twin).map(drop).unwrap_err();
            error.to_string().contains("it expects no such call")
        });
        assert!(refused, "20 times no answer");
        scope.spawn(|| exchange(l2.connect(&mesh(Party::P2, run, peers)).unwrap()));
        p1.join().unwrap();
    });
}

#[test]
fn parties_may_start_in_any_order() {
    let run = RunId::random().unwrap();
    let ([l0, l1, l2], peers) = listeners();
    // P0's port is free until P0 starts.
    drop(l0);
    std::thread::scope(|scope| {
        scope.spawn(|| exchange(l2.connect(&mesh(Party::P2, run, peers)).unwrap()));
        scope.spawn(|| exchange(l1.connect(&mesh(Party::P1, run, peers)).unwrap()));
        std::thread::sleep(Duration::from_millis(50));
        let l0 = TcpNetwork::listen(peers[0].unwrap()).unwrap();
        exchange(l0.connect(&mesh(Party::P0, run, peers)).unwrap());
    });
}

#[test]
fn who_is_missing_and_where_is_named() {
    let run = RunId::random().unwrap();
    let timeout = Duration::from_millis(300);
    let ([l0, l1, l2], peers) = listeners();
    let failure = |listener: Listener, me| {
        let mesh = Mesh {
            timeout,
            ..mesh(me, run, peers)
        };
        listener.connect(&mesh).map(drop).unwrap_err().to_string()
    };
    let expect = |text: String, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "`{text}` does not name `{part}`");
        }
    };
    let address = peers[0].unwrap().to_string();
    let text = failure(l0, Party::P0);
    expect(
        text,
        &["P0 found no connection with P1", &address, "nobody"],
    );
    // P0's listener is closed by now.
    let text = failure(l1, Party::P1);
    expect(
        text,
        &["P1 found no connection with P0", &address, "refused"],
    );
    // A program that takes calls and says nothing.
    let deaf = TcpListener::bind(peers[0].unwrap()).unwrap();
    let text = failure(l2, Party::P2);
    expect(text, &["P2 found no connection with P0", "did not answer"]);
    drop(deaf);
    let nowhere = mesh(Party::P1, run, [None; 3]);
    let text = TcpNetwork::listen(ANY_PORT)
        .unwrap()
        .connect(&nowhere)
        .map(drop)
        .unwrap_err()
        .to_string();
    expect(text, &["P0", "address was not given"]);
}
