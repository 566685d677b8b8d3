//! What a scenario file may not say, each refusal with line and field; and what `list` and `cost` print.

use crate::support::{Place, said, scenario};
use std::path::Path;

pub const GOOD: &str = r#"title = "t"
[model]
preset = "bert-tiny"
[sweep]
system = "lut-rss"
seq_len = [8, 16]
link = ["lan", "none"]
[link.lan]
bandwidth = "5gbit"
rtt = "0.2ms"
[run]
repetitions = 2
"#;

#[test]
fn refusals_name_line_and_field() {
    for (right, wrong, parts) in [
        (
            "repetitions = 2",
            "repetition = 2",
            &[
                "test.toml:12",
                "run.repetition",
                "did you mean `repetitions`?",
            ][..],
        ),
        (
            "repetitions = 2",
            "repetitions = 0",
            &["test.toml:12", "run.repetitions", "out of range"],
        ),
        (
            "repetitions = 2",
            "repetitions = \"two\"",
            &["test.toml:12", "whole number", "found text"],
        ),
        (
            "repetitions = 2",
            "repetitions = ",
            &["test.toml:12", "TOML"],
        ),
        (
            "repetitions = 2",
            "timeout = 10",
            &["test.toml:12", "run.timeout", "no unit", "10min"],
        ),
        (
            "repetitions = 2",
            "memory_limit = \"2gb\"",
            &["test.toml:12", "run.memory_limit", "GiB"],
        ),
        (
            "repetitions = 2",
            "port = 70000",
            &["test.toml:12", "run.port", "out of range"],
        ),
        (
            "repetitions = 2",
            "verify = 1",
            &["test.toml:12", "run.verify", "true or false"],
        ),
        (
            "\"5gbit\"",
            "5",
            &["test.toml:9", "link.lan.bandwidth", "no unit", "100mbit"],
        ),
        (
            "\"5gbit\"",
            "\"40ms\"",
            &["test.toml:9", "link.lan.bandwidth", "does not fit"],
        ),
        (
            "\"0.2ms\"",
            "\"0.2mbit\"",
            &["test.toml:10", "link.lan.rtt", "does not fit"],
        ),
        ("rtt = \"0.2ms\"", "", &["link.lan.rtt", "missing"]),
        (
            "rtt = ",
            "delay = ",
            &["test.toml:10", "unknown key `delay`"],
        ),
        (
            "rtt = \"0.2ms\"",
            "rtt = \"1ms\"\nmode = \"netm\"",
            &["test.toml:11", "link.lan.mode", "netem"],
        ),
        (
            "rtt = \"0.2ms\"",
            "rtt = \"1ms\"\np0_to_p1 = { rtt = \"2ms\" }",
            &["test.toml:11", "link.lan.p0_to_p1.rtt", "both ways"],
        ),
        (
            "rtt = \"0.2ms\"",
            "rtt = \"1ms\"\np1_p0 = { rtt = \"2ms\" }",
            &["test.toml:11", "link.lan.p1_p0", "did you mean"],
        ),
        (
            "rtt = \"0.2ms\"",
            "rtt = \"1ms\"\np0_p1 = { bandwith = \"2mbit\" }",
            &["test.toml:11", "link.lan.p0_p1.bandwith", "bandwidth"],
        ),
        (
            "\"5gbit\"",
            "\"63kbit\"",
            &["test.toml:9", "link.lan.bandwidth", "64kbit is the least"],
        ),
        (
            "rtt = \"0.2ms\"",
            "rtt = \"1ms\"\np1_to_p0 = { bandwidth = \"1bit\" }",
            &["test.toml:11", "p1_to_p0.bandwidth", "64kbit is the least"],
        ),
        ("[link.lan]", "[link.none]", &["link.none", "loopback"]),
        (
            "[link.lan]",
            "[link.\"l\\u0001n\"]",
            &["test.toml:8", "control characters"],
        ),
        (
            "title = \"t\"",
            "title = \"a\\u0001b\"",
            &["test.toml:1", "title", "the character U+0001"],
        ),
        (
            "title = \"t\"",
            "title = \"a\\nb\"",
            &["test.toml:1", "title", "is one line"],
        ),
        (
            "title = \"t\"",
            "title = \"t\"\nquestion = \"a\\u001b[31mb\"",
            &["test.toml:2", "question", "the character U+001B"],
        ),
        (
            "preset = \"bert-tiny\"",
            "preset = \"bert-tny\"",
            &["test.toml:3", "model.preset", "bert-tiny"],
        ),
        (
            "preset = \"bert-tiny\"",
            "layers = 2",
            &["model.hidden", "missing"],
        ),
        (
            "preset = \"bert-tiny\"",
            "preset = \"bert-tiny\"\nheads = 3",
            &["model", "not a multiple"],
        ),
        (
            "preset = \"bert-tiny\"",
            "dir = \"nowhere\"",
            &["nowhere holds no model", "nowhere"],
        ),
        (
            "preset = \"bert-tiny\"",
            "dir = \"x\"\nlayers = 2",
            &["test.toml:4", "model.layers", "remove"],
        ),
        (
            "system = \"lut-rss\"",
            "system = \"lut-rs\"",
            &["test.toml:5", "sweep.system", "did you mean `lut-rss`?"],
        ),
        ("system = \"lut-rss\"", "", &["sweep.system", "missing"]),
        (
            "[8, 16]",
            "[8, 0]",
            &["test.toml:6", "sweep.seq_len", "0 is out of range"],
        ),
        (
            "[8, 16]",
            "[8, 513]",
            &["test.toml:6", "sweep.seq_len", "512 positions"],
        ),
        (
            "[8, 16]",
            "[8, 8]",
            &["test.toml:6", "sweep.seq_len", "twice"],
        ),
        ("[8, 16]", "[]", &["test.toml:6", "sweep.seq_len", "empty"]),
        (
            "[8, 16]",
            "8\nindex_bits = 9",
            &["test.toml:7", "sweep.index_bits", "4 to 8"],
        ),
        (
            "[8, 16]",
            "8\nthreads = 0",
            &["test.toml:7", "sweep.threads", "out of range"],
        ),
        (
            "[8, 16]",
            "8\nmax_protocol = \"sort\"",
            &["test.toml:7", "sweep.max_protocol", "radix-sort"],
        ),
        (
            "[\"lan\", \"none\"]",
            "\"wan\"",
            &["test.toml:7", "sweep.link", "unknown link `wan`"],
        ),
        (
            "title = ",
            "titel = ",
            &["test.toml:1", "did you mean `title`?"],
        ),
    ] {
        let text = GOOD.replacen(right, wrong, 1);
        assert_ne!(text, GOOD, "{right}");
        let place = Place::of_qbench(&text);
        let output = place.run(&[]);
        let error = said(&output);
        assert_eq!(output.status.code(), Some(1), "{wrong}: {error}");
        assert_eq!(error.lines().count(), 1, "{wrong}: {error}");
        for part in parts {
            assert!(error.contains(part), "{wrong}: no `{part}` in {error}");
        }
        assert!(
            !place.path("out").exists(),
            "{wrong}: a refused scenario left a folder"
        );
    }
}

#[test]
fn wrong_figures_are_refused() {
    for (figure, part) in [
        ("kind = \"lines\"", "figure.y"),
        ("kind = \"pie\"\ny = \"online_seconds\"", "figure.kind"),
        (
            "kind = \"lines\"\ny = \"online_secs\"",
            "did you mean `online_seconds`?",
        ),
        (
            "kind = \"lines\"\ny = \"online_seconds\"\nx = \"bandwidth\"",
            "figure.x",
        ),
        (
            "kind = \"stacked\"\ny = \"online_bytes\"",
            "one phase by step",
        ),
    ] {
        let place = Place::of_qbench(&format!("{GOOD}[[figure]]\n{figure}\n"));
        let error = said(&place.run(&[]));
        assert!(error.contains(part), "{figure}: {error}");
    }
}

#[test]
fn wrong_tables_are_refused() {
    for (table, parts) in [
        ("kind = \"paper\"", &["table.published", "missing"][..]),
        ("published = \"table2\"", &["table.kind", "missing"]),
        (
            "kind = \"papre\"\npublished = \"table2\"",
            &["test.toml:14", "table.kind", "did you mean `paper`?"],
        ),
        (
            "kind = \"paper\"\npublished = \"table5\"",
            &["test.toml:15", "table.published", "unknown `table5`"],
        ),
        (
            "kind = \"paper\"\npublished = \"table2\"\nn = 8",
            &["test.toml:16", "unknown key `n`"],
        ),
    ] {
        let place = Place::of_qbench(&format!("{GOOD}[[table]]\n{table}\n"));
        let error = said(&place.run(&[]));
        for part in parts {
            assert!(error.contains(part), "{table}: no `{part}` in {error}");
        }
    }
    let one = GOOD.to_owned() + "[table]\nkind = \"paper\"\n";
    let error = said(&Place::of_qbench(&one).run(&[]));
    assert!(error.contains("two brackets"), "{error}");
}

#[test]
fn the_command_line_changes_a_scenario() {
    let place = Place::of_qbench(GOOD);
    let list = |arguments: &[&str]| {
        let mut all = vec!["list", "test.toml"];
        all.extend(arguments);
        let output = place.output(&all);
        (
            String::from_utf8(output.stdout.clone()).unwrap(),
            said(&output),
        )
    };
    assert!(
        list(&[]).0.contains("4 cells, 2 repetitions"),
        "{:?}",
        list(&[])
    );
    let (out, _) = list(&["--set", "sweep.seq_len=[4]", "--set", "run.repetitions=7"]);
    assert!(
        out.contains("2 cells, 7 repetitions") && out.contains("n=4"),
        "{out}"
    );
    let (out, _) = list(&["--set", "sweep.link=none"]);
    assert!(out.contains("2 cells"), "{out}");
    let (out, _) = list(&["--only", "link=lan,seq_len=8"]);
    assert!(out.contains("1 cells") && out.contains("n=8"), "{out}");
    let (out, _) = list(&["--quick"]);
    assert!(
        out.contains("2 cells, 1 repetitions and 0 warm-up"),
        "{out}"
    );
    for (arguments, part) in [
        (
            ["--set", "run.repetitions=0"],
            "--set run.repetitions=0: `run.repetitions`",
        ),
        (["--set", "title=a\u{7}b"], "the character U+0007"),
        (["--set", "run.repetitons=3"], "did you mean `repetitions`?"),
        (["--set", "run"], "--set key=value"),
        (["--only", "net=lan"], "unknown column"),
        (["--only", "link=wan"], "no cell"),
    ] {
        let (_, error) = list(&arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

#[test]
fn list_and_cost_say_what_is_declared() {
    let place = Place::new(&scenario("own", ""));
    let output = place.output(&["list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("own ") && text.contains("template"), "{text}");
    let output = place.output(&["list", "test.toml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("100.665 MB"),
        "memory of three parties: {text}"
    );
    let arguments = [
        "cost",
        "--system",
        "own",
        "--model",
        "bert-tiny",
        "--seq",
        "9",
        "--by-step",
    ];
    let output = place.output(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let online: Vec<&str> = text
        .lines()
        .find(|l| l.starts_with("online "))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(online, ["online", "0", "0", "0", "9", "0", "18", "27", "2"]);
    assert!(text.contains("\noutput "), "{text}");
    let wrong = [
        "cost",
        "--system",
        "own",
        "--model",
        "bert-huge",
        "--seq",
        "9",
    ];
    assert!(said(&place.output(&wrong)).contains("bert-base"));
}

#[test]
fn shipped_scenarios_are_sound() {
    // Models and files are named from the repository's root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_qbench"))
            .current_dir(&root)
            .arg("list")
            .arg(path.canonicalize().unwrap())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            path.display(),
            said(&output)
        );
        seen += 1;
    }
    assert!(seen >= 2);
}

#[test]
fn the_documented_scenario_is_sound() {
    let page = include_str!("../../../docs/SCENARIOS.md");
    let toml = page
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let place = Place::of_qbench(toml);
    let output = place.output(&["list", "test.toml"]);
    assert!(output.status.success(), "{}", said(&output));
}
