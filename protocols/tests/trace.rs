//! Traces of messages. A process of its own: its CPU time is part of what is traced.

#![allow(clippy::unwrap_used)]

use qbench_protocols::net::trace::{Action, Tracer};
use qbench_protocols::net::{Network, Party, local_trio};
use std::time::Duration;

#[test]
fn waiting_is_not_computing() {
    let [p0, mut p1, _p2] = local_trio(Duration::from_secs(10));
    let (mut p0, handle) = Tracer::new(p0);
    let other = std::thread::spawn(move || {
        p1.receive(Party::P0, "a", 3).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        p1.send(Party::P0, "b", vec![0; 5]).unwrap();
    });
    handle.begin();
    std::thread::sleep(Duration::from_millis(10));
    p0.send(Party::P1, "a", vec![0; 3]).unwrap();
    p0.receive(Party::P1, "b", 5).unwrap();
    let trace = handle.end();
    other.join().unwrap();
    let [send, receive, end] = trace.events[..] else {
        panic!("{trace:?}");
    };
    assert_eq!(trace.labels, ["a", "b", ""]);
    assert_eq!((send.action, send.bytes), (Action::Send(Party::P1), 3));
    assert!(send.gap_wall_ns >= 10_000_000 && send.gap_cpu_ns < send.gap_wall_ns);
    assert_eq!(
        (receive.action, receive.bytes),
        (Action::Receive(Party::P1), 5)
    );
    assert!(receive.inside_wall_ns >= 29_000_000);
    assert_eq!(end.action, Action::End);
}
