//! Folders of somebody else, runs that were damaged, and runs that are moved away: refused before a byte is written, and
//! before anything is measured.

use crate::support::{Place, said, scenario};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Every file below a folder with what it holds; folders hold nothing.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            found.insert(name, Vec::new());
            found.extend(contents(&path));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Refused in one line that says `words`, and nothing in `out` has changed.
fn refused(place: &Place, words: &[&str]) {
    let before = contents(&place.path("out"));
    let output = place.run(&[]);
    let error = said(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "no `{word}` in {error}");
    }
    assert_eq!(contents(&place.path("out")), before, "{error}");
}

#[test]
fn a_folder_of_somebody_else_is_not_touched() {
    for (file, text) in [
        ("runs.csv", "a,b\n1,2\n3,4"),
        ("runs.csv", "one line without an end"),
        ("runs.csv", "a,b\n"),
        ("steps.csv", "a,b\n1,2\n3,4"),
        ("lock", "mine\n"),
        ("manifest.json", "{\"name\": \"a web page\"}"),
        ("manifest.json", ""),
        ("report.html", "<p>mine"),
        ("figures/mine.svg", "<svg/>"),
        ("models/mine", "weights"),
        ("trace/mine.trace", "QBTRACE1"),
        ("tables/mine.md", "| a |"),
        ("notes.txt", "mine"),
        (".hidden", "mine"),
        ("trace/.keep", ""),
    ] {
        let place = Place::new(&scenario("own", ""));
        let path = place.path("out").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        refused(
            &place,
            &["out is not empty and is no run of qbench", "--out"],
        );
        // Nor is it reported on.
        let before = contents(&place.path("out"));
        let report = place.output(&["report", "out"]);
        assert_eq!(report.status.code(), Some(1), "{file}: {}", said(&report));
        assert_eq!(contents(&place.path("out")), before, "{file}");
    }
}

#[test]
fn files_of_somebody_else_in_a_run_are_not_touched() {
    for (file, text) in [
        ("runs.csv", "a,b\n1,2\n3,4"),
        ("runs.csv", "3,4"),
        ("steps.csv", "a,b\n1,2\n3,4"),
        ("steps.csv", "3,4"),
    ] {
        let place = Place::new(&scenario("own", ""));
        assert!(place.run(&[]).status.success());
        // Also a torn line of our own is left alone until all has been looked at.
        let runs = std::fs::read_to_string(place.path("out/runs.csv")).unwrap();
        std::fs::write(place.path("out/runs.csv"), runs + "half a ro").unwrap();
        std::fs::write(place.path("out").join(file), text).unwrap();
        refused(&place, &[file, "no file of qbench"]);
    }
    let place = Place::new(&scenario("own", ""));
    assert!(place.run(&[]).status.success());
    let runs = std::fs::read_to_string(place.path("out/runs.csv")).unwrap();
    std::fs::write(place.path("out/runs.csv"), runs + "half a ro").unwrap();
    let before = contents(&place.path("out"));
    let other = place.run(&["--set", "run.seed=9"]);
    assert!(said(&other).contains("another plan"), "{}", said(&other));
    assert_eq!(contents(&place.path("out")), before);
}

#[test]
fn an_empty_folder_and_a_start_that_was_cut_off_are_taken() {
    for files in [&[][..], &["lock"], &["lock", "runs.csv", "steps.csv"]] {
        let place = Place::new(&scenario("own", ""));
        std::fs::create_dir(place.path("out")).unwrap();
        for file in files {
            std::fs::write(place.path("out").join(file), "").unwrap();
        }
        let output = place.run(&[]);
        assert!(output.status.success(), "{files:?}: {}", said(&output));
    }
    let place = Place::new(&scenario("own", ""));
    std::fs::write(place.path("out"), "mine").unwrap();
    let error = said(&place.run(&[]));
    assert!(
        error.contains("cannot read folder out: Not a directory"),
        "{error}"
    );
}

#[test]
fn rows_without_a_whole_manifest_are_not_added_to() {
    let place = Place::new(&scenario("own", ""));
    assert!(place.run(&[]).status.success());
    let path = place.path("out/manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let words = [
        "out has rows, and no manifest",
        "put manifest.json back",
        "qbench report out",
    ];
    for torn in [&text[..0], &text[..1], &text[..text.len() / 2]] {
        std::fs::write(&path, torn).unwrap();
        refused(&place, &words);
    }
    std::fs::remove_file(&path).unwrap();
    refused(&place, &words);
    let report = place.output(&["report", "out"]);
    assert!(report.status.success());
    assert!(said(&report).contains("no title"), "{}", said(&report));
    let later = text.replacen("\"format\": 1", "\"format\": 2", 1);
    assert_ne!(later, text);
    std::fs::write(&path, later).unwrap();
    refused(&place, &["has format 2"]);
    std::fs::write(&path, text).unwrap();
    assert!(place.run(&[]).status.success());
}

/// What a program does to a text that it saves.
type Edit = fn(&str) -> String;

#[test]
fn files_that_an_editor_saved_are_said_at_once_with_what_mends_them() {
    let edits: [(&str, Edit); 3] = [
        ("CRLF", |text| text.replace('\n', "\r\n")),
        ("byte-order mark", |text| format!("\u{feff}{text}")),
        ("byte-order mark", |text| {
            format!("\u{feff}{}", text.replace('\n', "\r\n"))
        }),
    ];
    for file in ["runs.csv", "steps.csv"] {
        for (word, edit) in edits {
            let place = Place::new(&scenario("own", ""));
            assert!(place.run(&[]).status.success());
            let path = place.path("out").join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, edit(&text)).unwrap();
            // What only reads reads it.
            for command in [&["report", "out"][..], &["cmp", "out"]] {
                let output = place.output(command);
                assert!(output.status.success(), "{command:?} {}", said(&output));
            }
            refused(&place, &[file, word, "sed -i"]);
            let error = said(&place.run(&[]));
            let sed = error[error.find("sed -i").unwrap()..].trim();
            let mended = std::process::Command::new("sh")
                .args(["-c", sed])
                .current_dir(place.dir.path())
                .status();
            assert!(mended.unwrap().success(), "{sed}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert!(place.run(&["--set", "run.repetitions=2"]).status.success());
        }
    }
}

#[test]
fn rows_of_other_columns_are_refused_before_anything_is_measured() {
    for file in ["runs.csv", "steps.csv"] {
        let place = Place::new(&scenario("own", ""));
        assert!(place.run(&[]).status.success());
        let path = place.path("out").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            &path,
            text.replacen("cell,repetition,", "cell,repetition,x", 1),
        )
        .unwrap();
        refused(&place, &[file, "another version of qbench", "--out"]);
    }
}

#[test]
fn a_repetition_that_stands_twice_counts_nowhere() {
    let place = Place::new(&scenario("own", ""));
    assert!(place.run(&[]).status.success());
    let commands: [&[&str]; 7] = [
        &["report", "out"],
        &["cmp", "out"],
        &["diff", "out", "out"],
        &["predict", "out", "--validate"],
        &["archive", "out", "--to", "archive"],
        &["run", "test.toml", "--out", "out"],
        &["splice", "page.md"],
    ];
    let page = "<!-- qbench:begin growth runs=out system=own -->\n<!-- qbench:end -->\n";
    std::fs::write(place.path("page.md"), page).unwrap();
    for (file, reading) in [
        ("runs.csv", &commands[..]),
        ("steps.csv", &[commands[0], commands[5]]),
    ] {
        let path = place.path("out").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let row = text.lines().nth(1).unwrap();
        // Whether it is the same row or one with another time.
        for again in [row.to_owned(), row.replacen(",1,", ",2,", 1)] {
            std::fs::write(&path, format!("{text}{again}\n")).unwrap();
            for command in reading {
                let output = place.output(command);
                let error = said(&output);
                assert_eq!(output.status.code(), Some(1), "{command:?} {error}");
                assert!(error.contains("line 2 already"), "{command:?} {error}");
                assert!(error.contains("remove one"), "{command:?} {error}");
            }
            if file == "steps.csv" {
                break;
            }
        }
        std::fs::write(&path, text).unwrap();
    }
    assert!(place.output(&["report", "out"]).status.success());
}

#[test]
fn a_run_whose_folder_is_taken_away_stops_before_the_next_repetition() {
    let text = scenario("slow", "").replace("repetitions = 1", "repetitions = 4");
    let take: [fn(&Place); 3] = [
        |place| std::fs::rename(place.path("out"), place.path("moved")).unwrap(),
        |place| std::fs::remove_dir_all(place.path("out")).unwrap(),
        |place| {
            // As an editor saves.
            let text = std::fs::read(place.path("out/runs.csv")).unwrap();
            std::fs::write(place.path("out/draft"), text).unwrap();
            std::fs::rename(place.path("out/draft"), place.path("out/runs.csv")).unwrap();
        },
    ];
    for (how, take) in take.into_iter().enumerate() {
        let place = Place::new(&text);
        let mut running = place.start(&[]);
        running.until("phase online");
        std::thread::sleep(Duration::from_millis(200));
        take(&place);
        let (log, code) = running.finish();
        assert_eq!(code, Some(1), "{log}");
        let errors: Vec<&str> = log.lines().filter(|l| l.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{log}");
        assert!(
            errors[0].contains("moved") && errors[0].contains("start again"),
            "{log}"
        );
        assert!(log.matches("parties [").count() <= 2, "{log}");
        if how == 0 {
            // What was measured is not lost.
            let rows = std::fs::read_to_string(place.path("moved/runs.csv")).unwrap();
            assert_eq!(rows.lines().count(), 2, "{rows}");
            assert!(!place.path("out").exists());
        }
    }
}

#[test]
fn a_damaged_trace_is_left_out_with_a_note() {
    let text = scenario("own", "").replace("repetitions = 1", "repetitions = 2");
    let place = Place::new(&text);
    assert!(place.run(&[]).status.success());
    let mut traces: Vec<_> = std::fs::read_dir(place.path("out/trace"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    traces.sort();
    assert_eq!(traces.len(), 2, "and no draft");
    let whole = std::fs::read(&traces[0]).unwrap();
    for damaged in [&[][..], &whole[..20], &whole[..whole.len() - 1]] {
        std::fs::write(&traces[0], damaged).unwrap();
        for command in [
            &["report", "out"][..],
            &["predict", "out", "--link", "1gbit,1ms"],
            &["run", "test.toml", "--out", "out"],
        ] {
            let output = place.output(command);
            let log = said(&output);
            assert!(output.status.success(), "{command:?} {log}");
            assert_eq!(
                log.matches("a trace is left out").count(),
                1,
                "{command:?} {log}"
            );
        }
    }
    std::fs::write(&traces[0], &whole).unwrap();
    // A copy under another name would count twice.
    std::fs::copy(&traces[0], place.path("out/trace/copy-0.trace")).unwrap();
    let log = said(&place.output(&["report", "out"]));
    assert!(log.contains("is a copy of"), "{log}");
    for trace in &traces {
        std::fs::write(trace, "").unwrap();
    }
    std::fs::remove_file(place.path("out/trace/copy-0.trace")).unwrap();
    let none = place.output(&["predict", "out", "--link", "1gbit,1ms"]);
    assert!(said(&none).contains("no whole traces"), "{}", said(&none));
}

#[test]
fn a_table_of_ratios_replaces_no_file_of_somebody_else() {
    let place = Place::new(&scenario("own", ""));
    assert!(place.run(&[]).status.success());
    let table = ["cmp", "out", "--csv", "ratios.csv"];
    for _ in 0..2 {
        assert!(place.output(&table).status.success());
    }
    std::fs::write(place.path("ratios.csv"), "mine\n").unwrap();
    let output = place.output(&table);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("name another one"),
        "{}",
        said(&output)
    );
    let text = std::fs::read_to_string(place.path("ratios.csv")).unwrap();
    assert_eq!(text, "mine\n");
}
