//! The form of a run that is committed says what the run says.

use crate::fixture::{Fixture, LAN, SYSTEMS};
use crate::support::{Place, said, scenario};
use std::path::Path;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_archive_reports_what_its_run_reports() {
    let text = scenario("both", "")
        .replace("\"both\"", "[\"lut-rss\", \"crypten\"]")
        .replace("repetitions = 1", "repetitions = 2")
        + "[[table]]\nkind = \"paper\"\npublished = \"table4\"\n\
           [[figure]]\nkind = \"stacked\"\ntitle = \"Beside each other\"\n\
           [[figure]]\nkind = \"stacked\"\npanel = \"system\"\ntitle = \"Alone\"\n";
    let place = Place::of_qbench(&text);
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        place
            .output(&["predict", "out", "--link", "1gbit,1ms"])
            .status
            .success()
    );
    let (run, kept) = (place.path("out"), place.path("committed/test"));
    let png = "figures/01-online_seconds-stacked.png";
    std::fs::write(
        place.path("README.md"),
        format!("![Where it goes](committed/test/{png})\n"),
    )
    .unwrap();
    // A folder that is named with a slash at its end is the same one.
    let output = place.output(&["archive", "out", "--to", "committed/test/"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("left out: lock, models, ") && printed.contains("PNGs"),
        "{printed}"
    );
    assert_eq!(
        names(&place.path("committed")),
        ["test"],
        "no draft is left"
    );
    for file in ["manifest.json", "runs.csv", "report.html", "predicted.csv"] {
        assert_eq!(read(&run.join(file)), read(&kept.join(file)), "{file}");
    }
    for folder in ["tables", "trace"] {
        assert_eq!(names(&run.join(folder)), names(&kept.join(folder)));
    }
    assert!(!kept.join("models").exists() && !kept.join("lock").exists());
    let pngs: Vec<String> = names(&kept.join("figures"))
        .into_iter()
        .filter(|name| name.ends_with(".png"))
        .collect();
    assert_eq!(pngs, [png.trim_start_matches("figures/")]);
    let (steps, merged) = (read(&run.join("steps.csv")), read(&kept.join("steps.csv")));
    assert!(steps.contains("layer1/") && !merged.contains("layer1/"));
    assert_eq!(steps.lines().next(), merged.lines().next());
    assert!(merged.lines().count() < steps.lines().count());

    // Made again from the archive, everything comes out as it was.
    for file in ["report.html", "figures", "tables"] {
        let path = kept.join(file);
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    let output = place.output(&["report", "committed/test"]);
    assert!(output.status.success(), "{}", said(&output));
    for folder in ["figures", "tables"] {
        assert_eq!(names(&run.join(folder)), names(&kept.join(folder)));
        for name in names(&run.join(folder)) {
            let bytes = |of: &Path| std::fs::read(of.join(folder).join(&name)).unwrap();
            assert!(bytes(&run) == bytes(&kept), "{name}");
        }
    }
    assert!(read(&run.join("report.html")) == read(&kept.join("report.html")));

    // And an archive of the archive is the same.
    let output = place.output(&["archive", "committed/test", "--to", "again"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(merged, read(&place.path("again/steps.csv")));
}

#[test]
fn what_cannot_be_archived_says_why() {
    let place = Place::of_qbench("");
    let figures = "[[figure]]\nkind = \"stacked\"\n";
    for name in ["made/run", "made/bare"] {
        Fixture::new(&place.path(name))
            .sweep(&SYSTEMS[..1], &[8], &[LAN], 1, false)
            .write(figures);
    }
    assert!(place.output(&["report", "made/run"]).status.success());
    std::fs::create_dir(place.path("empty")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("dangling")).unwrap();
    let lock = std::fs::File::create(place.path("made/run/lock")).unwrap();
    for (arguments, part) in [
        (
            &["archive", "made"][..],
            "made is no run: it has no runs.csv; the runs in it are 2",
        ),
        (
            &["archive", "empty", "--to", "new"],
            "empty is no run: it has no runs.csv",
        ),
        (
            &["archive", "made/bare", "--to", "new"],
            "made/bare has no report.html: qbench report made/bare writes it",
        ),
        (&["archive", "made/run", "--to", "empty"], "empty exists"),
        (
            &["archive", "made/run", "--to", "dangling"],
            "dangling exists",
        ),
        (
            &["archive", "made/run", "--to", "made/run"],
            "made/run exists",
        ),
    ] {
        let output = place.output(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = said(&output);
        assert!(error.contains(part), "{error}");
        assert_eq!(error.matches("error:").count(), 1, "{error}");
        assert!(!place.path("new").exists());
    }
    lock.lock().unwrap();
    let output = place.output(&["archive", "made/run", "--to", "new"]);
    assert!(
        said(&output).contains("another qbench is writing"),
        "{}",
        said(&output)
    );
    lock.unlock().unwrap();
    assert_eq!(names(&place.path("empty")), [""; 0]);
    // Without a place of its own it goes to where reference runs are, by machine, day and scenario.
    assert!(place.output(&["archive", "made/run"]).status.success());
    assert!(place.path("results/reference/-undated/runs.csv").exists());
}
