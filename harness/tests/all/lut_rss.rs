//! `lut-rss` as three processes: every row is checked bit for bit and costs what it declares.
use crate::support::{Place, said, scenario};
use std::path::Path;

#[test]
fn every_protocol_choice_runs_as_three_processes() {
    let choices = scenario("lut-rss", "").replace(
        "link = \"slow\"",
        "index_bits = [4, 6]\nmax_protocol = [\"tournament\", \"radix-sort\"]\n\
         variance_protocol = [\"square-table\", \"inner-product\"]\nlink = \"slow\"",
    );
    let place = Place::of_qbench(&choices.replace("2ms", "0.1ms"));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 8);
    for row in &rows {
        assert_eq!(row["error"], "");
        assert_eq!(
            row["verified"],
            "bit-exact: equal to the quantized model with the run's roundings"
        );
        assert_eq!(row["declared_equals_counted"], "true");
        // Every cut, deviation and output of a layer of 8 tokens is looked at; the sites that wrapped add up to the count.
        assert!(row["ring_values"].parse::<u64>().unwrap() > 10_000);
        let sites = row["wrapped_sites"]
            .split("; ")
            .filter(|site| !site.is_empty());
        let wrapped = sites.map(|site| {
            let (wrapped, values) = site.rsplit_once(' ').unwrap().1.split_once('/').unwrap();
            let [wrapped, values] = [wrapped, values].map(|n| n.parse::<u64>().unwrap());
            assert!(0 < wrapped && wrapped <= values, "{site}");
            wrapped
        });
        assert_eq!(wrapped.sum::<u64>().to_string(), row["wrapped_values"]);
        assert_eq!(row["commit"], built_from(&row["commit"]));
    }
}

/// The commit of the sources, with the mark of the row's own where they differ from it; what the row says where git does not answer.
fn built_from(row: &str) -> String {
    let git = std::process::Command::new("git")
        .args([
            "-C",
            env!("CARGO_MANIFEST_DIR"),
            "rev-parse",
            "--short=12",
            "HEAD",
        ])
        .output();
    match git.ok().filter(|output| output.status.success()) {
        None => row.to_owned(),
        Some(output) => {
            let mark = if row.ends_with("-dirty") {
                "-dirty"
            } else {
                ""
            };
            format!("{}{mark}", String::from_utf8_lossy(&output.stdout).trim())
        }
    }
}

#[test]
fn a_real_checkpoint_gives_what_the_integer_reference_gives() {
    let checkpoint = std::env::var("QBENCH_MINILM")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../models/minilm-l6").into());
    if !Path::new(&checkpoint).join("model.safetensors").exists() {
        eprintln!("skipped: {checkpoint} is not there; scripts/fetch_minilm.sh fetches it");
        return;
    }
    let place = Place::of_qbench("");
    // A folder of its own, so that the quantized model is made anew.
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(Path::new(&checkpoint).join(file), place.path(file)).unwrap();
    }
    let output = place.output(&[
        "infer",
        "--model",
        ".",
        "--text",
        "The cat sits on the mat.",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("bit-exact: equal to the quantized model with the run's roundings"),
        "{text}"
    );
    assert!(text.contains("9 tokens"), "{text}");
    for said in [
        " values wrapped",
        "largest difference to the checkpoint itself: ",
    ] {
        assert!(text.contains(said), "{text}");
    }
}

/// Up to a size in memory: what is larger waits on the disk, and only that.
#[test]
fn large_material_alone_waits_on_the_disk() {
    let place = Place::of_qbench(
        &scenario("both", "material = \"20MB\"\n").replace("\"both\"", "[\"lut-rss\", \"sigma\"]"),
    );
    assert!(place.run(&[]).status.success());
    for row in place.rows() {
        let on_disk = row["material_place_p2"] != "memory";
        assert_eq!(on_disk, row["system"] == "sigma", "{row:?}");
    }
    let wrong = Place::of_qbench(&scenario("lut-rss", "material = \"dsk\"\n"));
    let output = wrong.run(&[]);
    assert!(
        said(&output).contains("or a size such as"),
        "{}",
        said(&output)
    );
}

/// Correlated randomness in files of the run's folder: the same bytes, the same output, and nothing left of it.
#[test]
fn material_waits_on_the_disk() {
    for system in ["lut-rss", "lut-fine", "crypten", "sigma", "lut-mul"] {
        let place = Place::of_qbench(&scenario(system, "material = \"disk\"\n"));
        let output = place.run(&[]);
        assert!(output.status.success(), "{}", said(&output));
        let rows = place.rows();
        let folder = place.path("out").canonicalize().unwrap();
        assert_eq!(rows[0]["material_place_p2"], folder.display().to_string());
        assert_ne!(rows[0]["material_bytes_p2"], "0");
        assert_eq!(rows[0]["declared_equals_counted"], "true");
        let left = std::fs::read_dir(&folder).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.contains("material")).count(), 0);
    }
}
