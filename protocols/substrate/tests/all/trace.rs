//! Traces of messages.

use qbench_substrate::net::trace::{Action, Tracer};
use qbench_substrate::net::{Network, Party, local_trio};
use std::process::Command;
use std::time::Duration;

/// Set in the process that runs [`waiting_is_not_computing`] and nothing else.
const ALONE: &str = "QBENCH_TEST_ALONE";

/// Runs the test of this name again in a process of its own. Says whether this is that process.
fn alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut this = Command::new(std::env::current_exe().unwrap());
    let ran = this
        .args(["--exact", test])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// The CPU time of the whole process is part of what is traced, so no other test may run in it.
#[test]
fn waiting_is_not_computing() {
    if !alone("trace::waiting_is_not_computing") {
        return;
    }
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
