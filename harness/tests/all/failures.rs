//! Parties that die, fail, disagree or fall silent: each leaves an error row that names the cause, and no
//! process behind.

use crate::support::{Place, alive, said, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

fn kill_in(phase: &str, party: usize) {
    let place = Place::new(&scenario("slow", ""));
    let mut running = place.start(&[]);
    let pids = running.parties();
    running.until(&format!("phase {phase}"));
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    kill(Pid::from_raw(pids[party]), Signal::SIGKILL).unwrap();
    let (log, code) = running.finish();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "the others were not ended: {log}"
    );
    assert_eq!(code, Some(1), "{log}");
    let error = place.only_error();
    assert!(
        error.contains(&format!("P{party} was lost in {phase}")),
        "{error}"
    );
    assert!(error.contains("signal 9"), "{error}");
    for pid in pids {
        assert!(!alive(pid), "{pid} is still there");
    }
}

#[test]
fn p0_killed_in_setup() {
    kill_in("setup", 0);
}

#[test]
fn p1_killed_in_offline() {
    kill_in("offline", 1);
}

#[test]
fn p2_killed_in_online() {
    kill_in("online", 2);
}

#[test]
fn p1_killed_in_online_while_it_waits() {
    kill_in("online", 1);
}

#[test]
fn a_failing_party_is_named_with_its_step() {
    let place = Place::new(&scenario("failing", ""));
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let error = place.only_error();
    assert!(
        error.contains("P0 failed in offline at step `count/draw`"),
        "{error}"
    );
    assert!(error.contains("out of luck"), "{error}");
}

#[test]
fn a_silent_party_is_ended_after_the_timeout() {
    let text = scenario("silent", "").replace("timeout = \"20s\"", "timeout = \"2s\"");
    let place = Place::new(&text);
    let mut running = place.start(&[]);
    let pids = running.parties();
    let began = Instant::now();
    let (log, code) = running.finish();
    assert_eq!(code, Some(1), "{log}");
    assert!(began.elapsed() < Duration::from_secs(20), "{log}");
    let error = place.only_error();
    assert!(error.contains("P2") && error.contains("silent"), "{error}");
    assert!(error.contains("online"), "{error}");
    assert!(pids.into_iter().all(|pid| !alive(pid)));
}

#[test]
fn wrong_outputs_are_errors() {
    let place = Place::new(&scenario("wrong-output", ""));
    assert_eq!(place.run(&[]).status.code(), Some(1));
    assert!(
        place.only_error().contains("the output is wrong"),
        "{}",
        place.only_error()
    );
}

#[test]
fn wrong_declarations_are_errors() {
    let place = Place::new(&scenario("wrong-declaration", ""));
    assert_eq!(place.run(&[]).status.code(), Some(1));
    let error = place.only_error();
    assert!(
        error.contains("online: step `output`: declared bytes"),
        "{error}"
    );
    assert_eq!(place.rows()[0]["declared_equals_counted"], "false");
}

#[test]
fn parties_that_disagree_say_on_what() {
    for (field, party) in [("workload", 1), ("binary", 2)] {
        let place = Place::new(&scenario("own", ""));
        let setting = format!("{party}:{field}=something else");
        let (log, code) = place.start(&[("QBENCH_TEST_AGREEMENT", &setting)]).finish();
        assert_eq!(code, Some(1), "{log}");
        let error = place.only_error();
        assert!(error.contains(&format!("disagree on `{field}`")), "{error}");
        assert!(error.contains("something else"), "{error}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let place = Place::new(&scenario("own", &format!("port = {port}\n")));
    assert_eq!(place.run(&[]).status.code(), Some(1));
    let error = place.only_error();
    assert!(
        error.contains(&port.to_string()) && error.contains("in use"),
        "{error}"
    );
    assert!(error.starts_with("P0"), "{error}");
}

#[test]
fn too_little_memory_is_refused_with_what_would_fit() {
    let text = scenario("hungry", "memory_limit = \"7GiB\"\n")
        .replace("system = \"hungry\"", "system = [\"hungry\", \"own\"]");
    let place = Place::new(&text);
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let rows = place.rows();
    let hungry = rows.iter().find(|r| r["system"] == "hungry").unwrap();
    // Three gigabytes a token over the trio: two tokens fit into seven.
    assert!(hungry["error"].contains("25.77 GB"), "{}", hungry["error"]);
    assert!(
        hungry["error"].contains("seq_len = 2"),
        "{}",
        hungry["error"]
    );
    let own = rows.iter().find(|r| r["system"] == "own").unwrap();
    assert_eq!(own["error"], "");
}

#[test]
fn too_little_disk_space_is_refused_too() {
    let place = Place::new(&scenario("greedy", "material = \"disk\"\n"));
    assert_eq!(place.run(&[]).status.code(), Some(1));
    let error = place.only_error();
    assert!(error.contains("not enough disk space"), "{error}");
    assert!(error.contains("no sequence length fits"), "{error}");
}

#[test]
fn children_end_with_a_killed_controller() {
    let place = Place::new(&scenario("slow", ""));
    let mut running = place.start(&[]);
    let pids = running.parties();
    running.until("phase setup");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let began = Instant::now();
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "a party outlived its controller"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A controller that was stopped (by Ctrl-Z, or with its terminal) finds the answers that waited for it.
#[test]
fn a_controller_stopped_past_the_timeout_blames_nobody() {
    let text = scenario("slow", "").replace("timeout = \"20s\"", "timeout = \"3s\"");
    let place = Place::new(&text);
    let mut running = place.start(&[]);
    let controller = Pid::from_raw(running.child.id() as i32);
    running.until("phase offline");
    std::thread::sleep(Duration::from_millis(300));
    kill(controller, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    kill(controller, Signal::SIGCONT).unwrap();
    let (log, code) = running.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(place.only_error(), "");
}

/// A party that was stopped made its phase longer by as much: that is no time of the protocol.
#[test]
fn a_party_that_stood_still_leaves_no_sound_row() {
    let place = Place::new(&scenario("slow", ""));
    let mut running = place.start(&[]);
    let party = Pid::from_raw(running.parties()[1]);
    running.until("phase offline");
    std::thread::sleep(Duration::from_millis(100));
    kill(party, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    kill(party, Signal::SIGCONT).unwrap();
    let (log, code) = running.finish();
    assert_eq!(code, Some(1), "{log}");
    let error = place.only_error();
    assert!(
        error.contains("P1 stood still for") && error.contains("in offline"),
        "{error}"
    );
}

/// One that is stopped between two phases has lost nothing.
#[test]
fn a_controller_stopped_for_a_moment_changes_nothing() {
    let place = Place::new(&scenario("slow", ""));
    let mut running = place.start(&[]);
    let controller = Pid::from_raw(running.child.id() as i32);
    for phase in ["setup", "offline", "online"] {
        running.until(&format!("phase {phase}"));
        std::thread::sleep(Duration::from_millis(300));
        kill(controller, Signal::SIGSTOP).unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        kill(controller, Signal::SIGCONT).unwrap();
    }
    let (log, code) = running.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(place.only_error(), "");
}
