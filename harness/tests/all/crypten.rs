//! `crypten` as three processes, beside `lut-rss`: checked outputs and declared cost; and what
//! systems with different settings have in one plan, one file and one report.
use crate::support::{Place, said, scenario};

/// A scenario of both systems with more in `[sweep]`, on a link without delay.
fn both(sweep: &str) -> String {
    scenario("BOTH", "")
        .replace("\"BOTH\"", "[\"lut-rss\", \"crypten\"]")
        .replace("link = \"slow\"", &format!("link = \"slow\"\n{sweep}"))
        .replace("2ms", "0.1ms")
}

#[test]
fn settings_of_one_system_do_not_multiply_the_other() {
    let place = Place::of_qbench(&both(
        "index_bits = [4, 6]\nvariance_protocol = [\"square-table\", \"inner-product\"]",
    ));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    let of = |system: &str| {
        rows.iter()
            .filter(move |row| row["system"] == system)
            .collect::<Vec<_>>()
    };
    assert_eq!((of("lut-rss").len(), of("crypten").len()), (4, 1));
    for row in &rows {
        assert_eq!(row["error"], "");
        assert_eq!(row["declared_equals_counted"], "true");
        assert_eq!(row["model"], "bert-tiny");
    }
    for row in of("lut-rss") {
        assert_eq!(row["activation"], "relu");
        assert!(row["verified"].contains("bit-exact"));
    }
    let crypten = of("crypten")[0];
    assert_eq!(crypten["activation"], "gelu");
    for column in ["index_bits", "max_protocol", "variance_protocol"] {
        assert_eq!(crypten[column], "", "{column}");
    }
    assert!(crypten["verified"].contains("system's approximations"));
    assert!(crypten["float_error"].parse::<f64>().unwrap() < 0.1);
    // The file with empty columns is read again, by the next start and by the report.
    let again = place.run(&[]);
    assert!(
        said(&again).contains("every repetition has its row"),
        "{}",
        said(&again)
    );
    let report = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(report.contains(">crypten<") && report.contains(">gelu<"));
    // A system that has no variants is named by its name alone.
    assert!(
        !report.contains("crypten, "),
        "a legend with empty settings"
    );
}

#[test]
fn the_activation_function_is_the_systems_own_the_models_or_swept() {
    let list = |text: &str| {
        let place = Place::of_qbench(text);
        let output = place.output(&["list", "test.toml"]);
        (
            String::from_utf8(output.stdout.clone()).unwrap(),
            said(&output),
        )
    };
    let has = |text: &str, cells: &[&str]| {
        let (out, error) = list(text);
        for cell in cells {
            assert!(out.contains(cell), "no `{cell}` in {out}{error}");
        }
        assert!(out.contains(&format!("\n{} cells", cells.len())), "{out}");
    };
    has(
        &both(""),
        &["lut-rss bert-tiny relu", "crypten bert-tiny gelu"],
    );
    has(
        &both("").replace("\"bert-tiny\"", "\"bert-tiny\"\nactivation = \"relu\""),
        &["lut-rss bert-tiny relu", "crypten bert-tiny relu"],
    );
    has(
        &both("activation = [\"gelu\", \"relu\"]"),
        &[
            "lut-rss bert-tiny gelu",
            "crypten bert-tiny gelu",
            "lut-rss bert-tiny relu",
            "crypten bert-tiny relu",
        ],
    );
    let (_, error) = list(&both("activation = \"gel\""));
    for part in ["sweep.activation", "did you mean `gelu`?"] {
        assert!(error.contains(part), "{error}");
    }
    let folder = both("activation = \"gelu\"").replace("preset = \"bert-tiny\"", "dir = \"m\"");
    let (_, error) = list(&folder);
    assert!(
        error.contains("cannot be swept over a model folder"),
        "{error}"
    );
}

#[test]
fn both_activation_functions_run() {
    let place = Place::of_qbench(&both("activation = [\"gelu\", \"relu\"]"));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 4);
    let online = |system: &str, activation: &str| {
        let row = rows
            .iter()
            .find(|row| row["system"] == system && row["activation"] == activation)
            .unwrap();
        row["online_total_bytes"].parse::<u64>().unwrap()
    };
    assert_eq!(online("lut-rss", "gelu"), online("lut-rss", "relu"));
    assert!(online("crypten", "gelu") > online("crypten", "relu"));
}

#[test]
fn committed_runs_can_still_be_reported() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/reference");
    let mut seen = 0;
    let entries = std::fs::read_dir(reference).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    for machine in folders.filter(|path| path.is_dir()) {
        for run in std::fs::read_dir(machine).unwrap() {
            let run = run.unwrap().path();
            let place = Place::of_qbench("");
            for file in ["manifest.json", "runs.csv", "steps.csv"] {
                std::fs::create_dir_all(place.path("old")).unwrap();
                std::fs::copy(run.join(file), place.path("old").join(file)).unwrap();
            }
            let output = place.output(&["report", "old"]);
            assert!(
                output.status.success(),
                "{}: {}",
                run.display(),
                said(&output)
            );
            let report = std::fs::read_to_string(place.path("old/report.html")).unwrap();
            let named = [">lut-rss<", ">lut-fine<"].map(|system| report.contains(system));
            assert!(named.contains(&true), "{}", run.display());
            seen += 1;
        }
    }
    assert!(seen >= 4);
}
