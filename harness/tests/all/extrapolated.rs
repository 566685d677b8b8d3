//! Cells of which fewer layers run than the model has: their rows have what the whole model declares, say so, and so does what is made of
//! them; ratios over one system.

use crate::support::{Place, said, scenario};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::system::Workload;

fn two_systems(extra: &str) -> String {
    scenario("both", extra)
        .replace("\"both\"", "[\"lut-rss\", \"lut-trunc\"]")
        .replace(
            "preset = \"bert-tiny\"",
            "preset = \"bert-tiny\"\nlayers = 4",
        )
        .replace("2ms", "0.1ms")
}

#[test]
fn few_layers_stand_for_all_and_say_so() {
    let place = Place::of_qbench(&two_systems(
        "[extrapolate.lut-trunc]\nlayers = 1\nlink = \"slow\"\n\
         [[figure]]\nkind = \"bars\"\ny = \"online_seconds\"\n\
         [[figure]]\nkind = \"speedup\"\nover = \"lut-rss\"\n",
    ));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let system = &row["system"];
        assert_eq!((&row["layers"][..], &row["error"][..]), ("4", ""));
        let few = if system == "lut-trunc" { "1" } else { "" };
        assert_eq!(row["extrapolated_from_layers"], few);
        let systems = qbench::systems::systems();
        let system = qbench::systems::find(&systems, system).unwrap();
        let model = ModelConfig {
            layers: 4,
            activation: system.default_activation(),
            ..ModelConfig::preset("bert-tiny").unwrap()
        };
        let declared = system.cost(&Workload::new(model, 8)).unwrap();
        for (phase, declared) in [("offline", declared.offline), ("online", declared.online)] {
            let column = |what: &str| row[&format!("{phase}_{what}")].clone();
            assert_eq!(column("total_bytes"), declared.total_bytes().to_string());
            assert_eq!(column("rounds"), declared.rounds().to_string());
        }
    }
    // Only what ran whole leaves messages to be replayed.
    let traces = std::fs::read_dir(place.path("out/trace")).unwrap();
    assert_eq!(traces.count(), 1);
    let report = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    let note = "lut-trunc (extrapolated from 1 layer)";
    assert!(report.contains(note));
    let figures = std::fs::read_dir(place.path("out/figures")).unwrap();
    let texts = figures
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "svg"))
        .map(|path| std::fs::read_to_string(path).unwrap());
    for svg in texts {
        assert!(svg.contains("extrapolated"), "{svg}");
    }
}

#[test]
fn what_cannot_be_extrapolated_is_refused() {
    for (extra, words) in [
        (
            "[extrapolate.lut-tunc]\nlayers = 1\n",
            "is not swept; did you mean `lut-trunc`?",
        ),
        ("[extrapolate.lut-trunc]\nlayers = 0\n", "out of range"),
        ("[extrapolate.lut-trunc]\n", "layers = 1"),
        (
            "[extrapolate.lut-trunc]\nlayers = 1\nlink = \"lan\"\n",
            "link `lan` is not swept",
        ),
        (
            "[extrapolate.lut-trunc]\nlayer = 1\n",
            "did you mean `layers`?",
        ),
        (
            "[[figure]]\nkind = \"bars\"\nover = \"lut-rss\"\n",
            "is for figures of kind speedup",
        ),
        (
            "[[figure]]\nkind = \"speedup\"\nover = \"lut-rss\"\nbase = \"lut-trunc\"\n",
            "write one of both",
        ),
    ] {
        let place = Place::of_qbench(&two_systems(extra));
        let output = place.output(&["list", "test.toml"]);
        assert!(said(&output).contains(words), "{extra}: {}", said(&output));
    }
}
