//! Programs that the harness does not contain: driven over real links, put into the same rows, and ended whatever they
//! do. What needs namespaces is skipped, with the reason, where they cannot be had.

use crate::support::{Place, alive, said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// Bytes that the talking program sends each way.
const SENT: usize = 300_000;

/// A scenario with one cell of the program `other` at P1 and P2.
fn scenario(link: &str, declaration: &str) -> String {
    format!(
        "title = \"test\"\n[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = [\"other\"]\nseq_len = 8\nthreads = 2\n\
         link = \"{link}\"\n[link.far]\nbandwidth = \"100mbit\"\nrtt = \"20ms\"\nmode = \"relay\"\n\
         [link.ideal]\nbandwidth = \"100mbit\"\nrtt = \"20ms\"\n[run]\nrepetitions = 1\nwarmup = 0\n\
         timeout = \"10s\"\nseed = 7\n[external.other]\nparties = [1, 2]\n{declaration}"
    )
}

/// A place whose program is the shell script `text`.
fn place(link: &str, text: &str) -> Place {
    let place = Place::of_qbench(&scenario(link, "command = [\"sh\", \"other.sh\"]\n"));
    std::fs::write(place.path("other.sh"), text).unwrap();
    place
}

/// A script that answers with `answer`, once its input is read.
fn answering(answer: &str) -> String {
    format!("cat > input.$QBENCH_PARTY\nsleep 0.3\necho '{answer}'\n")
}

/// Runs a script over loopback that must fail; returns the error of its row.
fn error_of(text: &str) -> String {
    let place = place("none", text);
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let error = place.only_error();
    assert!(said(&output).contains(&error), "{}", said(&output));
    error
}

/// Whether namespaces can be had; says why not.
fn skipped() -> bool {
    let probe = Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(["link-probe", "rig"])
        .output();
    let probe = probe.unwrap();
    if !probe.status.success() {
        println!("skipped: {}", said(&probe).trim());
    }
    !probe.status.success()
}

#[test]
#[ignore = "a program that another test runs as an external system"]
fn talking_program() {
    let path = std::env::var("DESCRIPTION").unwrap();
    let cell: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let server = format!(
        "{}:{}",
        cell["addresses"][1].as_str().unwrap(),
        cell["ports"][1]
    );
    let me = cell["party"].as_u64().unwrap();
    let mut stream = if me == 1 {
        TcpListener::bind(&server).unwrap().accept().unwrap().0
    } else {
        let began = Instant::now();
        loop {
            match TcpStream::connect(&server) {
                Ok(stream) => break stream,
                Err(e) => assert!(began.elapsed() < Duration::from_secs(10), "{e}"),
            }
        }
    };
    let began = Instant::now();
    let mut other = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || other.write_all(&vec![7; SENT]).unwrap());
    stream.read_exact(&mut vec![0; SENT]).unwrap();
    sender.join().unwrap();
    let mut sent = [0; 3];
    sent[3 - me as usize] = SENT;
    let answer = serde_json::json!({
        "protocol": 1,
        "phases": {
            "setup": {"seconds": 0.001},
            "offline": null,
            "online": {"seconds": began.elapsed().as_secs_f64(), "sent_bytes": sent, "rounds": 1},
        },
        "verified": "against itself",
        "float_error": 0.25 * me as f64,
    });
    std::fs::write(std::env::var("ANSWER").unwrap(), answer.to_string()).unwrap();
}

/// A script that runs this test binary as the program.
fn talking() -> String {
    format!(
        "export DESCRIPTION=input.$QBENCH_PARTY ANSWER=answer.$QBENCH_PARTY\ncat > $DESCRIPTION\n\
         '{}' --exact external::talking_program --ignored > log.$QBENCH_PARTY 2>&1 || exit 1\ncat $ANSWER\n",
        std::env::current_exe().unwrap().display()
    )
}

/// What every row of the talking program holds, and what is not given stays empty.
fn assert_combined(row: &HashMap<String, String>) {
    assert_eq!(row["error"], "");
    assert_eq!(row["system"], "other");
    assert_eq!(row["setup_ns"], "1000000");
    assert_eq!(row["online_rounds"], "1");
    assert_eq!(row["online_bytes_p1_to_p2"], SENT.to_string());
    assert_eq!(row["online_bytes_p2_to_p1"], SENT.to_string());
    assert_eq!(row["online_total_bytes"], (2 * SENT).to_string());
    for empty in [
        "offline_ns",
        "offline_total_bytes",
        "setup_total_bytes",
        "setup_rounds",
        "online_bytes_p0_to_p1",
        "online_cpu_ns_p1",
        "peak_memory_bytes_p0",
        "material_bytes_p1",
        "declared_equals_counted",
    ] {
        assert_eq!(row[empty], "", "{empty}");
    }
    assert!(row["peak_memory_bytes_p1"].parse::<u64>().unwrap() > 1 << 20);
    assert_eq!(row["verified"], "against itself");
    assert_eq!(row["float_error"], "0.5");
}

#[test]
fn a_program_runs_over_the_relay_beside_our_own_system() {
    if skipped() {
        return;
    }
    let place = place("far", &talking());
    let both = "sweep.system=[\"lut-rss\", \"other\"]";
    let output = place.run(&["--set", both, "--set", "run.repetitions=2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = place.rows();
    let order: Vec<&str> = rows.iter().map(|row| &*row["system"]).collect();
    assert_eq!(order, ["lut-rss", "other", "lut-rss", "other"]);
    let row = &rows[1];
    assert_combined(row);
    // 0.3 MB at 100 Mbit/s take 24 ms, and half a round trip 10 ms.
    assert!(row["online_ns"].parse::<u64>().unwrap() > 30_000_000);
    assert_eq!(row["link_mode"], "relay");
    let rtt_ns: f64 = row["probe_rtt_ns_p1_p2"].parse().unwrap();
    assert!((20e6..22e6).contains(&rtt_ns), "{rtt_ns}");
    assert!(!row["relay_cpu_ns"].is_empty());
    let text = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(text.contains("not declared"), "{text}");
    // The report of the same rows can be made again.
    let again = place.output(&["report", "out"]);
    assert!(again.status.success(), "{}", said(&again));
}

#[test]
fn traffic_that_goes_another_way_is_found() {
    if skipped() {
        return;
    }
    let answer = |to: &str| {
        format!(
            r#"{{"protocol": 1, "phases": {{"online": {{"seconds": 0.1, "sent_bytes": [0, {to}]}}}}}}"#
        )
    };
    let text = format!(
        "if [ $QBENCH_PARTY = 1 ]; then\n{}else\n{}fi\n",
        answering(&answer("0, 900000000")),
        answering(&answer("5, 0"))
    );
    let place = place("far", &text);
    assert_eq!(place.run(&[]).status.code(), Some(1));
    let error = place.only_error();
    assert!(
        error.contains("P1 sent 900") && error.contains("another way"),
        "{error}"
    );
}

#[test]
fn loopback_needs_no_rights_and_the_description_is_whole() {
    let place = place("none", &talking());
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_combined(&place.rows()[0]);
    let text = std::fs::read(place.path("input.2")).unwrap();
    let cell: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(cell["protocol"], 1);
    assert_eq!(cell["system"], "other");
    assert_eq!((&cell["party"], &cell["seq_len"]), (&2.into(), &8.into()));
    assert_eq!((&cell["threads"], &cell["seed"]), (&2.into(), &7.into()));
    assert_eq!(cell["parties"], serde_json::json!([1, 2]));
    assert_eq!(cell["addresses"][0], "127.0.0.1");
    assert_eq!(cell["interface"], "lo");
    assert_eq!(cell["model"]["hidden"], 128);
    assert_eq!(
        cell["phases"],
        serde_json::json!(["setup", "offline", "online"])
    );
    assert_eq!(cell["timeout_seconds"], 10.0);
}

#[test]
fn an_answer_that_is_none_is_shown() {
    let error = error_of(&answering("about to start"));
    assert!(
        error.contains("P1 of `other` gave no valid answer") && error.contains("`about to start`"),
        "{error}"
    );
}

#[test]
fn parties_that_count_differently_are_refused() {
    let one = r#"{"protocol": 1, "phases": {"online": {"seconds": 0.1, "rounds": 3}}}"#;
    let two = r#"{"protocol": 1, "phases": {"online": {"seconds": 0.1}}}"#;
    let text = format!(
        "if [ $QBENCH_PARTY = 1 ]; then\n{}else\n{}fi\n",
        answering(one),
        answering(two)
    );
    let error = error_of(&text);
    assert!(error.contains("online.rounds"), "{error}");
}

#[test]
fn more_seconds_than_it_lived_are_refused() {
    let error = error_of(&answering(
        r#"{"protocol": 1, "phases": {"online": {"seconds": 300}}}"#,
    ));
    assert!(
        error.contains("took 300.000 s, and it lived for 0."),
        "{error}"
    );
}

#[test]
fn a_program_that_fails_is_named_with_what_it_said() {
    let text = "cat > input\nif [ $QBENCH_PARTY = 2 ]; then echo first >&2; echo 'no such key' >&2; exit 3; fi\n\
                sleep 30\n";
    let began = Instant::now();
    let error = error_of(text);
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "the other was not ended"
    );
    assert!(
        error.contains(
            "P2 of `other` ended with exit code 3; standard error ends: first | no such key"
        ),
        "{error}"
    );
}

#[test]
fn a_silent_program_is_ended_with_all_that_it_started() {
    let place = place(
        "none",
        "sleep 60 &\necho $! > child.$QBENCH_PARTY\nsleep 61\n",
    );
    let began = Instant::now();
    let output = place.run(&["--set", "run.timeout=\"1s\""]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(began.elapsed() < Duration::from_secs(10));
    let error = place.only_error();
    assert!(
        error.contains("P1 and P2 of `other` did not end within the timeout of 1s"),
        "{error}"
    );
    assert_children_gone(&place);
}

#[test]
fn a_killed_controller_leaves_no_program() {
    let place = place(
        "none",
        "sleep 60 &\necho $! > child.$QBENCH_PARTY\nsleep 61\n",
    );
    let mut running = place.start(&[]);
    let began = Instant::now();
    while !place.path("child.1").exists() || !place.path("child.2").exists() {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert_children_gone(&place);
}

fn assert_children_gone(place: &Place) {
    for party in [1, 2] {
        assert_gone(place, &format!("child.{party}"));
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let place = Place::of_qbench(&scenario("none", "command = [\"./no-such-program\"]\n"));
    assert_eq!(place.run(&[]).status.code(), Some(1));
    let error = place.only_error();
    assert!(
        error.contains("`./no-such-program` cannot be started"),
        "{error}"
    );
}

#[test]
fn an_unavailable_program_is_left_out_with_its_reason() {
    let check = "command = [\"sh\", \"other.sh\"]\ncheck = [\"sh\", \"-c\", \"echo trying; echo needs a moon; exit 1\"]\n";
    let place = Place::of_qbench(&scenario("none", check));
    let output = place.run(&["--set", "sweep.system=[\"lut-rss\", \"other\"]"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let log = said(&output);
    assert_eq!(log.matches("needs a moon").count(), 1, "{log}");
    let systems: Vec<String> = place.rows().iter().map(|r| r["system"].clone()).collect();
    assert_eq!(systems, ["lut-rss"]);
    let manifest = std::fs::read_to_string(place.path("out/manifest.json")).unwrap();
    assert!(manifest.contains("needs a moon"));
    let report = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(report.contains("<li>other: needs a moon</li>"));
}

/// Starts a run whose check is `text`; waits until the check has left a file `child.1`.
fn checking(text: &str) -> (Place, crate::support::Running) {
    let declaration = "command = [\"sh\", \"other.sh\"]\ncheck = [\"sh\", \"check.sh\"]\n";
    let place = Place::of_qbench(&scenario("none", declaration));
    std::fs::write(place.path("check.sh"), text).unwrap();
    let answer = r#"{"protocol": 1, "phases": {"online": {"seconds": 0.1}}}"#;
    std::fs::write(place.path("other.sh"), answering(answer)).unwrap();
    let running = place.start(&[]);
    let began = Instant::now();
    while !place.path("child.1").exists() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    (place, running)
}

/// Waits until the process whose number a file holds is gone.
fn assert_gone(place: &Place, file: &str) {
    let text = std::fs::read_to_string(place.path(file)).unwrap();
    let pid: i32 = text.trim().parse().unwrap();
    let began = Instant::now();
    while alive(pid) {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{pid} is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_check_is_over_when_its_program_is_and_what_it_leaves_is_ended() {
    for start in ["sleep 333 &", "setsid sleep 333 &"] {
        let began = Instant::now();
        let text = format!("{start}\necho $! > draft\nmv draft child.1\necho 1.0\n");
        let (place, running) = checking(&text);
        let (log, code) = running.finish();
        assert_eq!(code, Some(0), "{log}");
        assert!(began.elapsed() < Duration::from_secs(100), "{log}");
        assert_gone(&place, "child.1");
        let manifest = std::fs::read_to_string(place.path("out/manifest.json")).unwrap();
        assert!(manifest.contains("\"said\": \"1.0\""), "{manifest}");
    }
}

#[test]
fn a_check_is_ended_by_the_first_interrupt() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (place, running) = checking("echo $$ > draft\nmv draft child.1\nsleep 100\n");
        let began = Instant::now();
        kill(Pid::from_raw(running.child.id() as i32), signal).unwrap();
        let (log, code) = running.finish();
        assert_eq!(code, Some(130), "{log}");
        assert!(began.elapsed() < Duration::from_secs(20), "{log}");
        assert_gone(&place, "child.1");
    }
}

/// A program that left its process group, one whose leader was killed, and standard output that stays open.
#[test]
fn what_a_program_leaves_is_ended_however_it_hides() {
    let answer = r#"{"protocol": 1, "phases": {"online": {"seconds": 0.1}}}"#;
    let daemon = "setsid sh -c 'echo $$ > child.'$QBENCH_PARTY'; sleep 100' &\nsleep 0.5\n";
    let place = place("none", &format!("{daemon}{}", answering(answer)));
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_children_gone(&place);

    let orphans =
        "sleep 100 &\necho $! > child.$QBENCH_PARTY\nsleep 0.5\nkill -9 $PPID\nsleep 60\n";
    let place = self::place("none", orphans);
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let error = place.only_error();
    assert!(error.contains("was lost: its supervisor"), "{error}");
    assert_children_gone(&place);
}

#[test]
fn a_controller_stopped_past_the_timeout_finds_the_answers() {
    let answer = r#"{"protocol": 1, "phases": {"online": {"seconds": 0.1}}}"#;
    let text = format!(
        "echo $$ > child.$QBENCH_PARTY\nsleep 2\n{}",
        answering(answer)
    );
    let place = Place::of_qbench(
        &scenario("none", "command = [\"sh\", \"other.sh\"]\n").replace("\"10s\"", "\"4s\""),
    );
    std::fs::write(place.path("other.sh"), text).unwrap();
    let running = place.start(&[]);
    let began = Instant::now();
    while !place.path("child.1").exists() || !place.path("child.2").exists() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    let controller = Pid::from_raw(running.child.id() as i32);
    kill(controller, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    kill(controller, Signal::SIGCONT).unwrap();
    let (log, code) = running.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(place.only_error(), "");
}

#[test]
fn a_list_shows_external_cells_without_a_cost() {
    let place = place("none", "exit 1\n");
    let output = place.output(&["list", "test.toml"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        text.contains("other bert-tiny") && text.contains('?'),
        "{text}"
    );
    assert!(text.contains("external program (sh other.sh)"), "{text}");
}

#[test]
fn bad_declarations_get_one_clear_error() {
    for (link, declaration, words) in [
        (
            "none",
            "comand = [\"x\"]\n",
            &["test.toml:", "comand", "did you mean `command`"][..],
        ),
        (
            "none",
            "about = \"x\"\n",
            &["external.other.command", "is missing"],
        ),
        (
            "none",
            "command = []\n",
            &["external.other.command", "empty"],
        ),
        (
            "ideal",
            "command = [\"x\"]\n",
            &["shaped", "relay", "`other`"],
        ),
    ] {
        let place = Place::of_qbench(&scenario(link, declaration));
        let output = place.run(&[]);
        assert_eq!(output.status.code(), Some(1));
        let log = said(&output);
        assert!(
            log.starts_with("error: ") && log.lines().count() == 1,
            "{log}"
        );
        assert!(words.iter().all(|word| log.contains(word)), "{log}");
    }
    let own = scenario("none", "command = [\"x\"]\n").replace("other", "lut-rss");
    let log = said(&Place::of_qbench(&own).run(&[]));
    assert!(log.contains("qbench's own"), "{log}");
    let alone = scenario("none", "command = [\"x\"]\n").replace("[1, 2]", "[1]");
    let log = said(&Place::of_qbench(&alone).run(&[]));
    assert!(log.contains("two parties"), "{log}");
}

/// The real CrypTen against the record of its costs, where it is installed; over a relay if there can be one, so that its
/// count is held against what the link carried.
#[test]
fn the_real_crypten_costs_what_is_on_record() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/external/crypten");
    let script = folder.join("run.py").canonicalize().unwrap();
    let check = Command::new("python3").arg(&script).arg("--check").output();
    match check {
        Ok(output) if output.status.success() => {}
        Ok(output) => return println!("skipped: {}", said(&output).trim()),
        Err(error) => return println!("skipped: no python3: {error}"),
    }
    let declaration = format!("command = [\"python3\", \"{}\"]\n", script.display());
    let link = if skipped() { "none" } else { "far" };
    let text = scenario(link, &declaration)
        .replace(
            "preset = \"bert-tiny\"",
            "preset = \"bert-base\"\nlayers = 1",
        )
        .replace("timeout = \"10s\"", "timeout = \"5min\"");
    let place = Place::of_qbench(&text);
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let row = &place.rows()[0];
    let record = std::fs::read_to_string(folder.join("expected.csv")).unwrap();
    let found = format!("1,8,{},{}", row["online_rounds"], row["online_total_bytes"]);
    assert!(
        record.lines().any(|line| line == found),
        "{found} is not in\n{record}"
    );
    assert!(row["float_error"].parse::<f64>().unwrap() < 0.1);
    assert_eq!(row["offline_ns"], "");
}
