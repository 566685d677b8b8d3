//! Links in network namespaces: real TCP over them, other programs over them, and nothing left of them.
//! Skipped, with the reason, where namespaces cannot be had.

use crate::support::{Place, Running, alive, said, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const QBENCH: &str = env!("CARGO_BIN_EXE_qbench");

/// Whether namespaces can be had; says why not.
fn skipped() -> bool {
    let probe = Command::new(QBENCH).args(["link-probe", "rig"]).output();
    let probe = probe.unwrap();
    if !probe.status.success() {
        println!("skipped: {}", said(&probe).trim());
    }
    !probe.status.success()
}

/// 20 ms and 100 Mbit/s through the relay.
fn relayed(system: &str) -> String {
    scenario(system, "").replace(
        "bandwidth = \"1gbit\"\nrtt = \"2ms\"",
        "bandwidth = \"100mbit\"\nrtt = \"20ms\"\nmode = \"relay\"",
    )
}

/// The processes below a process: holder, relay, parties.
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .map(|p| p.parse::<i32>().unwrap()),
            );
        }
    }
    found.split_off(1)
}

fn command_of(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// The network namespaces of processes, by inode.
fn namespaces(pids: &[i32]) -> HashSet<String> {
    let of = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    pids.iter()
        .filter_map(of)
        .map(|p| p.to_string_lossy().into_owned())
        .collect()
}

fn all_processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|e| e.file_name().to_string_lossy().parse().ok())
        .collect()
}

/// Waits until processes are gone, and with them their namespaces.
fn assert_gone(pids: &[i32], made: &HashSet<String>) {
    let began = Instant::now();
    loop {
        let left: Vec<i32> = pids.iter().copied().filter(|pid| alive(*pid)).collect();
        let open: Vec<String> = namespaces(&all_processes())
            .intersection(made)
            .cloned()
            .collect();
        if left.is_empty() && open.is_empty() {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "left behind: {:?}, namespaces {open:?}",
            left.iter().map(|p| command_of(*p)).collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A run in its offline phase, what it started, and the namespaces it made.
fn under_way(place: &Place) -> (Running, Vec<i32>, HashSet<String>) {
    let mut running = place.start(&[]);
    running.until("phase offline");
    let pids = descendants(running.child.id() as i32);
    let mut made = namespaces(&pids);
    for own in namespaces(&[std::process::id() as i32]) {
        made.remove(&own);
    }
    // Three parties, and the middle with holder and relay.
    assert_eq!(made.len(), 4, "{made:?}");
    (running, pids, made)
}

fn one(pids: &[i32], command: &str) -> i32 {
    let found = pids.iter().find(|pid| command_of(**pid).contains(command));
    *found.unwrap_or_else(|| panic!("no {command} below the controller"))
}

#[test]
fn parties_speak_through_the_relay_and_nothing_is_left() {
    if skipped() {
        return;
    }
    let place = Place::new(&relayed("slow"));
    let (running, pids, made) = under_way(&place);
    let (log, code) = running.finish();
    assert_eq!(code, Some(0), "{log}");
    let row = &place.rows()[0];
    assert_eq!((&*row["link_mode"], &*row["error"]), ("relay", ""));
    assert_eq!(row["dropped_frames"], "0");
    let late_ns: u64 = row["relay_lateness_ns"].parse().unwrap();
    assert!(late_ns < 1_000_000_000, "{late_ns}");
    let rtt_ns: f64 = row["probe_rtt_ns_p1_p2"].parse().unwrap();
    assert!((20e6..22e6).contains(&rtt_ns), "{rtt_ns}");
    let rate: f64 = row["probe_bits_per_second_p2_to_p1"].parse().unwrap();
    assert!((90e6..110e6).contains(&rate), "{rate}");
    assert_gone(&pids, &made);
}

/// A ping takes 0.2 ms on this line each way, a fifth of the round trip: that is the link, and no fault of it.
#[test]
fn a_slow_line_is_what_it_is_called() {
    if skipped() {
        return;
    }
    let text = scenario("own", "").replace(
        "bandwidth = \"1gbit\"",
        "bandwidth = \"4mbit\"\nmode = \"relay\"",
    );
    let place = Place::new(&text);
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rtt_ns: f64 = place.rows()[0]["probe_rtt_ns_p0_p1"].parse().unwrap();
    assert!(rtt_ns > 2.4e6, "{rtt_ns}");
}

#[test]
fn a_killed_controller_leaves_nothing() {
    if skipped() {
        return;
    }
    let place = Place::new(&relayed("slow"));
    let (mut running, pids, made) = under_way(&place);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert_gone(&pids, &made);
}

#[test]
fn a_killed_relay_or_holder_is_named_at_once_and_leaves_nothing() {
    if skipped() {
        return;
    }
    for (victim, word) in [
        ("link-relay", "the relay killed by signal 9"),
        ("link-hold", "has ended"),
    ] {
        let place = Place::new(&relayed("slow"));
        let (running, pids, made) = under_way(&place);
        let began = Instant::now();
        kill(Pid::from_raw(one(&pids, victim)), Signal::SIGKILL).unwrap();
        let (log, code) = running.finish();
        assert_eq!(code, Some(1), "{log}");
        assert!(began.elapsed() < Duration::from_secs(5), "{log}");
        let error = place.only_error();
        assert!(
            error.contains("the link broke") && error.contains(word),
            "{error}"
        );
        assert_gone(&pids, &made);
    }
}

/// What was stopped for a while made a phase longer, and the link had no part in it: no row, and the column says by how much.
#[test]
fn a_relay_that_stood_still_leaves_no_sound_row() {
    if skipped() {
        return;
    }
    let place = Place::new(&relayed("slow"));
    let (mut running, pids, _) = under_way(&place);
    let relay = Pid::from_raw(one(&pids, "link-relay"));
    running.until("phase online");
    kill(relay, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    kill(relay, Signal::SIGCONT).unwrap();
    let (log, code) = running.finish();
    assert_eq!(code, Some(1), "{log}");
    let error = place.only_error();
    assert!(
        error.contains("the relay of the link stood still for") && error.contains("in online"),
        "{error}"
    );
    let row = &place.rows()[0];
    let late_ns: u64 = row["relay_lateness_ns"].parse().unwrap();
    assert!(late_ns > 1_500_000_000, "{late_ns}");
    assert_eq!(row["online_ns"], "");
}

#[test]
fn a_killed_party_is_named_and_leaves_nothing() {
    if skipped() {
        return;
    }
    let place = Place::new(&relayed("slow"));
    let (running, pids, made) = under_way(&place);
    kill(Pid::from_raw(one(&pids, "--id 2")), Signal::SIGKILL).unwrap();
    let (log, _) = running.finish();
    assert!(
        place.only_error().contains("P2 was lost in offline"),
        "{log}"
    );
    assert_gone(&pids, &made);
}

#[test]
fn an_interrupt_leaves_nothing() {
    if skipped() {
        return;
    }
    let place = Place::new(&relayed("slow"));
    let (running, pids, made) = under_way(&place);
    kill(Pid::from_raw(running.child.id() as i32), Signal::SIGINT).unwrap();
    let (log, code) = running.finish();
    assert_eq!(code, Some(130), "{log}");
    assert_gone(&pids, &made);
}

#[test]
fn rigs_stand_side_by_side() {
    if skipped() {
        return;
    }
    let places = [Place::new(&relayed("own")), Place::new(&relayed("own"))];
    let runs = places.each_ref().map(|place| place.start(&[]));
    for run in runs {
        let (log, code) = run.finish();
        assert_eq!(code, Some(0), "{log}");
    }
}

#[test]
fn an_ordinary_user_needs_no_rights() {
    if skipped() {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: the other tests are run by an ordinary user already");
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("qbench");
    std::fs::copy(QBENCH, &binary).unwrap();
    for path in [folder.path(), &binary] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let text = relayed("lut-rss");
    std::fs::write(folder.path().join("test.toml"), text).unwrap();
    let as_nobody = |arguments: &[&str]| -> Output {
        let mut command = Command::new(&binary);
        command.args(arguments).current_dir(folder.path());
        command.uid(65_534).gid(65_534).output().unwrap()
    };
    let probe = as_nobody(&["link-probe", "rig"]);
    if !probe.status.success() {
        return println!("skipped: {}", said(&probe).trim());
    }
    let output = as_nobody(&["run", "test.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// A folder of shared rigs of this test's own.
fn link(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(QBENCH);
    command.arg("link").args(arguments);
    command.env("XDG_RUNTIME_DIR", folder);
    command
}

/// This test binary as a program inside a rig.
fn inside(folder: &Path, party: &str, role: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let rig = [
        "exec",
        "--link",
        "far",
        "--bandwidth",
        "100mbit",
        "--rtt",
        "20ms",
        "--mode",
        "relay",
    ];
    let mut command = link(folder, &rig);
    command.args(["--party", party, "--"]).arg(this);
    let role = format!("rigs::{role}");
    command.args(["--exact", &role, "--ignored", "--nocapture"]);
    command
}

#[test]
#[ignore = "a program that another test runs inside a rig"]
fn echo_server() {
    let own = std::env::var("QBENCH_ADDRESS_P1").unwrap();
    let (mut stream, _) = TcpListener::bind((own, 7000)).unwrap().accept().unwrap();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 {
        stream.write_all(&byte).unwrap();
    }
}

#[test]
#[ignore = "a program that another test runs inside a rig"]
fn echo_client() {
    let server = format!("{}:7000", std::env::var("QBENCH_ADDRESS_P1").unwrap());
    let began = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(&server) {
            Ok(stream) => break stream,
            Err(e) => assert!(began.elapsed() < Duration::from_secs(10), "{e}"),
        }
    };
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        stream.write_all(&[7]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[2] >= Duration::from_millis(20), "{times:?}");
    assert!(times[2] < Duration::from_millis(25), "{times:?}");
}

#[test]
fn programs_of_others_share_a_rig() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = inside(folder.path(), "1", "echo_server").spawn().unwrap();
    let client = inside(folder.path(), "2", "echo_client").output().unwrap();
    assert!(
        client.status.success(),
        "{}",
        String::from_utf8_lossy(&client.stdout)
    );
    assert!(server.wait().unwrap().success());
    // The last user is gone: so is the rig, after a moment.
    let began = Instant::now();
    while !link(folder.path(), &["list"])
        .output()
        .unwrap()
        .stdout
        .is_empty()
    {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_a_killed_holder_leaves_is_found_and_removed() {
    if skipped() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let exec = [
        "exec", "--link", "wan", "--name", "torn", "--mode", "relay", "--party", "0", "--",
    ];
    let mut sleeper = link(folder.path(), &exec)
        .args(["sleep", "60"])
        .spawn()
        .unwrap();
    let list = || {
        let output = link(folder.path(), &["list"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let began = Instant::now();
    let holder: i32 = loop {
        if let Some((_, pid)) = list().trim().rsplit_once("process ") {
            break pid.parse().unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    };
    let status = link(folder.path(), &exec)
        .args(["sh", "-c", "exit 7"])
        .status();
    assert_eq!(status.unwrap().code(), Some(7), "the command's own status");
    let below = descendants(holder);
    kill(Pid::from_raw(holder), Signal::SIGKILL).unwrap();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_gone(&below, &HashSet::new());
    assert!(list().contains("its holder is gone"), "{}", list());
    let clean = || link(folder.path(), &["clean"]).output().unwrap();
    assert!(String::from_utf8_lossy(&clean().stdout).contains("torn"));
    assert!(
        clean().stdout.is_empty(),
        "the second time there is nothing to do"
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join("qbench"))
            .unwrap()
            .count(),
        0
    );
    // And the name can be used again, also without cleaning.
    let status = link(folder.path(), &exec).arg("true").status().unwrap();
    assert!(status.success());
}

#[test]
fn bad_orders_get_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, word) in [
        (
            &["exec", "--link", "man", "--party", "1", "--", "true"][..],
            "100mbit, 40ms",
        ),
        (
            &[
                "exec", "--link", "lan", "--party", "1", "--mode", "shaped", "--", "true",
            ],
            "netem or relay",
        ),
        (
            &[
                "exec", "--link", "x", "--rtt", "1ms", "--party", "1", "--", "true",
            ],
            "together",
        ),
        (
            &["exec", "--link", "lan", "--party", "3", "--", "true"],
            "3",
        ),
    ] {
        let output = link(folder.path(), arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(said(&output).contains(word), "{}", said(&output));
    }
}
