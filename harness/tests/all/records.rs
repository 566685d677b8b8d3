//! Rows survive whatever happens between them: interrupts, torn lines, full disks, second starts.

use crate::support::{Place, alive, said, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;

fn two_cells() -> String {
    scenario("own", "")
        .replace("seq_len = 8", "seq_len = [8, 16]")
        .replace("repetitions = 1", "repetitions = 2")
}

#[test]
fn a_run_leaves_all_its_files() {
    let place = Place::new(&two_cells());
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 4);
    // Interleaved: the second repetition of a cell comes after the first of every cell.
    let order: Vec<&str> = rows.iter().map(|r| r["repetition"].as_str()).collect();
    assert_eq!(order, ["0", "0", "1", "1"]);
    for row in &rows {
        assert_eq!(row["error"], "");
        assert_eq!(row["declared_equals_counted"], "true");
        assert_eq!(row["verified"], "equal to the count in the clear");
        assert_eq!(row["online_rounds"], "2");
        // What P2 opens, and its share of the outputs; a table of 256 bytes and the index's mask for each token.
        let tokens: u64 = row["seq_len"].parse().unwrap();
        assert_eq!(row["online_bytes_p2_to_p1"], (2 * tokens).to_string());
        assert_eq!(row["material_bytes_p2"], (257 * tokens).to_string());
        // Two messages, one after the other, over a link of 1 ms each way.
        assert!(row["online_ns"].parse::<u64>().unwrap() >= 2_000_000);
        assert!(row["peak_memory_bytes_p0"].parse::<u64>().unwrap() > 0);
    }
    for file in ["manifest.json", "steps.csv", "report.html"] {
        assert!(place.path("out").join(file).exists(), "{file}");
    }
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("equal to the count in the clear"));
    let figures = std::fs::read_dir(place.path("out/figures"))
        .unwrap()
        .count();
    assert_eq!(figures, 6, "three figures, each as SVG and PNG");
    let png = std::fs::read_dir(place.path("out/figures"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "png"))
        .unwrap();
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_second_start_measures_only_what_is_missing() {
    let place = Place::new(&two_cells());
    let first = place.run(&["--only", "seq_len=8"]);
    assert!(said(&first).contains("2 measured"), "{}", said(&first));
    let second = place.run(&[]);
    assert!(
        said(&second).contains("2 measured, 2 had their rows"),
        "{}",
        said(&second)
    );
    let third = place.run(&[]);
    assert!(
        said(&third).contains("every repetition has its row"),
        "{}",
        said(&third)
    );
    assert_eq!(place.rows().len(), 4);
    let more = place.run(&["--set", "run.repetitions=3"]);
    assert!(
        said(&more).contains("2 measured, 4 had their rows"),
        "{}",
        said(&more)
    );
    let other = place.run(&["--set", "run.seed=9"]);
    assert!(said(&other).contains("another plan"), "{}", said(&other));
}

#[test]
fn results_folders_are_found_again_or_made_fresh() {
    let place = Place::new(&scenario("own", ""));
    let folders = || std::fs::read_dir(place.path("results/test")).map_or(0, Iterator::count);
    assert!(place.output(&["run", "test.toml"]).status.success());
    assert_eq!(folders(), 1);
    let again = place.output(&["run", "test.toml"]);
    assert!(
        said(&again).contains("every repetition has its row"),
        "{}",
        said(&again)
    );
    assert_eq!(folders(), 1);
    assert!(
        place
            .output(&["run", "test.toml", "--fresh"])
            .status
            .success()
    );
    assert_eq!(folders(), 2);
    assert!(
        place
            .output(&["run", "test.toml", "--set", "run.seed=5"])
            .status
            .success()
    );
    assert_eq!(folders(), 3);
}

#[test]
fn error_rows_are_tried_again() {
    let place = Place::new(&scenario("own", ""));
    let (_, code) = place
        .start(&[("QBENCH_TEST_AGREEMENT", "1:workload=x")])
        .finish();
    assert_eq!(code, Some(1));
    let output = place.run(&[]);
    assert!(
        said(&output).contains("1 measured, 0 had"),
        "{}",
        said(&output)
    );
    let rows = place.rows();
    assert_eq!(rows.len(), 2, "the error row stays");
    assert!(rows[0]["error"].contains("disagree") && rows[1]["error"].is_empty());
    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("measured later"));
}

#[test]
fn interrupts_keep_rows_and_a_later_start_goes_on() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let text = two_cells().replace("rtt = \"2ms\"", "rtt = \"40ms\"");
        let place = Place::new(&text);
        let mut running = place.start(&[]);
        running.parties();
        let pids = running.parties(); // the second repetition
        running.until("phase");
        kill(Pid::from_raw(running.child.id() as i32), signal).unwrap();
        let (log, code) = running.finish();
        assert_eq!(code, Some(130), "{log}");
        assert!(
            log.contains("finished rows are kept") && log.contains("go on"),
            "{log}"
        );
        assert!(pids.into_iter().all(|pid| !alive(pid)), "{log}");
        assert_eq!(place.rows().len(), 1);
        let output = place.run(&[]);
        assert!(
            said(&output).contains("3 measured, 1 had"),
            "{}",
            said(&output)
        );
        assert_eq!(place.rows().len(), 4);
    }
}

#[test]
fn torn_lines_are_dropped() {
    let place = Place::new(&two_cells());
    assert!(place.run(&[]).status.success());
    let steps_before = std::fs::read_to_string(place.path("out/steps.csv")).unwrap();
    // A crash while the last row was written: its steps are whole, its row is not.
    let text = std::fs::read_to_string(place.path("out/runs.csv")).unwrap();
    std::fs::write(place.path("out/runs.csv"), &text[..text.len() - 30]).unwrap();
    let report = place.output(&["report", "out"]);
    assert!(report.status.success(), "{}", said(&report));
    let output = place.run(&[]);
    assert!(said(&output).contains("torn"), "{}", said(&output));
    assert!(
        said(&output).contains("1 measured, 3 had"),
        "{}",
        said(&output)
    );
    assert_eq!(place.rows().len(), 4);
    // And one in the steps.
    let mut steps = std::fs::OpenOptions::new()
        .append(true)
        .open(place.path("out/steps.csv"))
        .unwrap();
    steps.write_all(b"half a ro").unwrap();
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let steps_after = std::fs::read_to_string(place.path("out/steps.csv")).unwrap();
    assert_eq!(steps_before.lines().count(), steps_after.lines().count());
    // A broken row that is not the last is no crash: it is said, not mended.
    let text = std::fs::read_to_string(place.path("out/runs.csv")).unwrap();
    let broken = text.replacen(",bert-tiny,2,", ",bert-tiny,two,", 1);
    std::fs::write(place.path("out/runs.csv"), broken).unwrap();
    let output = place.run(&[]);
    let error = said(&output);
    assert!(
        error.contains("runs.csv:2") && error.contains("layers"),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_one_clear_error() {
    for file in ["runs.csv", "steps.csv"] {
        let place = Place::new(&scenario("own", ""));
        std::fs::create_dir(place.path("out")).unwrap();
        std::os::unix::fs::symlink("/dev/full", place.path("out").join(file)).unwrap();
        let mut running = place.start(&[]);
        let pids = running.parties();
        let (log, code) = running.finish();
        assert_eq!(code, Some(1), "{log}");
        let errors: Vec<&str> = log.lines().filter(|l| l.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{log}");
        assert!(
            errors[0].contains(file) && errors[0].contains("No space left"),
            "{log}"
        );
        assert!(pids.into_iter().all(|pid| !alive(pid)));
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let text = scenario("own", "").replace("rtt = \"2ms\"", "rtt = \"300ms\"");
    let place = Place::new(&text);
    let mut first = place.start(&[]);
    first.until("phase setup");
    let second = place.run(&[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said(&second).contains("another qbench is writing"),
        "{}",
        said(&second)
    );
    assert_eq!(first.finish().1, Some(0));
}

#[test]
fn tables_of_the_paper_are_files_of_the_run() {
    let table = "[[table]]\nkind = \"paper\"\npublished = \"table4\"\n";
    let place = Place::new(&scenario("own", table));
    assert!(place.run(&[]).status.success());
    // The rows are of another model: the published numbers stand alone, and say so.
    let check = |values: String, page: String| {
        assert_eq!(values.lines().count(), 17);
        assert!(
            values
                .lines()
                .skip(1)
                .all(|line| line.contains("not measured in this run")
                    || line.contains("not implemented here yet"))
        );
        assert!(page.contains("Table 4 of the paper"));
    };
    let files = || {
        let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
        assert!(read("out/tables/01-table4.md").contains("| sigma / lut-rss |"));
        assert!(read("out/tables/01-table4-ratios.csv").contains("GPT-2"));
        check(
            read("out/tables/01-table4-values.csv"),
            read("out/report.html"),
        );
    };
    files();
    // And they can be made again.
    std::fs::remove_dir_all(place.path("out/tables")).unwrap();
    assert!(place.output(&["report", "out"]).status.success());
    files();
}

#[test]
fn reports_need_only_the_rows() {
    let place = Place::new(&two_cells());
    assert!(place.run(&[]).status.success());
    for file in ["manifest.json", "report.html"] {
        std::fs::remove_file(place.path("out").join(file)).unwrap();
    }
    std::fs::remove_dir_all(place.path("out/figures")).unwrap();
    let output = place.output(&["report", "out"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(place.path("out/report.html").exists());
    let nothing = place.output(&["report", "nowhere"]);
    assert!(said(&nothing).contains("is no run"), "{}", said(&nothing));
}

#[test]
fn every_column_is_documented() {
    let format = include_str!("../../../docs/FORMAT.md");
    let place = Place::new(&scenario("own", ""));
    assert!(place.run(&[]).status.success());
    for file in ["runs.csv", "steps.csv"] {
        let mut reader = csv::Reader::from_path(place.path("out").join(file)).unwrap();
        for column in reader.headers().unwrap() {
            // Columns of one kind are described once, with P for the phase and i, j for parties.
            let general = ["setup", "offline", "online"]
                .iter()
                .find_map(|phase| column.strip_prefix(phase).map(|rest| format!("P{rest}")));
            let mut name = general.unwrap_or_else(|| column.to_owned());
            for party in ["0", "1", "2"] {
                name = name.replace(&format!("_p{party}_to_p"), "_pi_to_p");
                name = name.replace(&format!("_p{party}_p"), "_pi_p");
                let (body, end) = name.split_at(name.len() - 2);
                if end == format!("p{party}") {
                    let second = body.contains("_to_") || body.ends_with("_pi_");
                    let letter = if second { "pj" } else { "pi" };
                    name = format!("{body}{letter}");
                }
            }
            assert!(
                format.contains(&format!("`{name}`")),
                "{file}: {column} as `{name}`"
            );
        }
    }
}
