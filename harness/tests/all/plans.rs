//! What becomes of a scenario: its links, the cells that are asked for, and long plans.

use crate::scenarios::GOOD;
use crate::support::{Place, said};

/// The cells that `list` shows with more arguments, or its error.
fn listed(place: &Place, more: &[&str]) -> Result<String, String> {
    let mut arguments = vec!["list", "test.toml"];
    arguments.extend(more);
    let output = place.output(&arguments);
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    let error = said(&output);
    assert_eq!(error.lines().count(), 1, "{error}");
    Err(error)
}

#[test]
fn a_link_has_one_name() {
    let two = |second: &str, sweep: &str| {
        let text = GOOD.replace("[\"lan\", \"none\"]", sweep);
        Place::of_qbench(&text.replace("[run]", &format!("{second}\n[run]")))
    };
    let same = "[link.office]\nrtt = \"200us\"\nbandwidth = \"5000mbit\"";
    let words =
        "`lan` and `office` are one link under two names, lan (5gbit, 0.2ms RTT) in mode `shaped`";
    for sweep in ["[\"lan\", \"office\"]", "[\"none\", \"lan\", \"office\"]"] {
        let place = two(same, sweep);
        for more in [&[][..], &["--only", "link=office"]] {
            let error = listed(&place, more).unwrap_err();
            assert!(
                error.contains(words) && error.contains("test.toml:7"),
                "{error}"
            );
        }
        let error = said(&place.run(&[]));
        assert!(error.contains(words), "{error}");
        assert!(!place.path("out").exists());
    }
    let idle = "[link.idle]\nmode = \"none\"";
    let error = listed(&two(idle, "[\"none\", \"idle\"]"), &[]).unwrap_err();
    assert!(error.contains("`none` and `idle` are one link"), "{error}");
    // One that is not swept may be described, and one in another mode or with another pair is another link.
    assert!(
        listed(&two(same, "\"office\""), &[])
            .unwrap()
            .contains("2 cells")
    );
    for more in ["mode = \"none\"", "p0_p1 = { rtt = \"1ms\" }"] {
        let other = if more.starts_with("mode") {
            format!("[link.office]\n{more}")
        } else {
            format!("{same}\n{more}")
        };
        let place = two(&other, "[\"lan\", \"office\"]");
        assert!(listed(&place, &[]).unwrap().contains("4 cells"), "{more}");
    }
    // What `auto` comes to here is the same as naming it.
    let modes = ["relay", "shaped", "netem"].map(|mode| {
        let auto = "[link.office]\nrtt = \"0.2ms\"\nbandwidth = \"5gbit\"\nmode = \"auto\"";
        let named =
            format!("[link.named]\nrtt = \"0.2ms\"\nbandwidth = \"5gbit\"\nmode = \"{mode}\"");
        let place = two(&format!("{auto}\n{named}"), "[\"office\", \"named\"]");
        let error = said(&place.output(&["list", "test.toml"]));
        error.contains("`office` and `named` are one link")
    });
    assert_eq!(modes.iter().filter(|same| **same).count(), 1, "{modes:?}");
}

/// What is left open is what each link makes cheapest, and a cell of the same name as where it was named.
#[test]
fn a_setting_left_open_is_decided_by_the_link() {
    let text = "[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = \"lut-fine\"\nseq_len = 32\n\
                link = [\"far\", \"narrow\"]\nactivation_table = TABLE\n\
                [link.far]\nbandwidth = \"10gbit\"\nrtt = \"100ms\"\n\
                [link.narrow]\nbandwidth = \"10mbit\"\nrtt = \"0.1ms\"\n";
    let cells = |table: &str, only: &str| {
        let place = Place::of_qbench(&text.replace("TABLE", table));
        listed(&place, &["--only", only]).unwrap_or_default()
    };
    for (link, taken, other) in [
        ("far", "direct", "widened"),
        ("narrow", "widened", "direct"),
    ] {
        let only = format!("link={link},activation_table={taken}");
        let open = cells("\"auto\"", &only);
        assert!(open.contains("1 cells"), "{open}");
        assert_eq!(open, cells(&format!("\"{taken}\""), &only));
        let only = format!("link={link},activation_table={other}");
        assert_eq!(cells("\"auto\"", &only), "");
    }
    // Only where it is allowed, and only for the cheaper of things that are otherwise the same.
    let place =
        Place::of_qbench(&text.replace("activation_table = TABLE", "index_bits = \"auto\""));
    let error = listed(&place, &[]).unwrap_err();
    assert!(error.contains("sweep.index_bits"), "{error}");
    let arguments = [
        "cost",
        "--system",
        "lut-fine",
        "--model",
        "bert-tiny",
        "--seq",
        "8",
        "--set",
        "activation_table=auto",
    ];
    let error = said(&place.output(&arguments));
    assert!(error.contains("depends on the link"), "{error}");
}

#[test]
fn links_of_a_grid_have_one_name_each() {
    for (grid, word) in [
        (
            "bandwidth = [\"1gbit\", \"1000mbit\"]\nrtt = \"1ms\"",
            "`1gbit-1ms`",
        ),
        (
            "bandwidth = \"1gbit\"\nrtt = [\"1ms\", \"1000us\"]",
            "`1gbit-1ms`",
        ),
        (
            "bandwidth = \"5gbit\"\nrtt = \"0.2ms\"\n[link.5gbit-0-2ms]",
            "",
        ),
        (
            "bandwidth = \"5gbit\"\nrtt = \"7ms\"\n[link.\"5gbit-7ms\"]\nbandwidth = \"1gbit\"\nrtt = \"7ms\"",
            "choose another name",
        ),
    ] {
        let place = Place::of_qbench(&format!("{GOOD}[grid]\n{grid}\n"));
        let error = listed(&place, &[]).unwrap_err();
        assert!(error.contains(word), "{grid}: {error}");
    }
}

/// Cells that were not asked for refuse nothing, and values that no cell has are no filter.
#[test]
fn only_what_is_asked_for_is_checked() {
    let text = GOOD
        .replace("\"lut-rss\"", "[\"lut-rss\", \"crypten\", \"other\"]")
        .replace("[\"lan\", \"none\"]", "\"lan\"")
        + "[external.other]\ncommand = [\"true\"]\n";
    let place = Place::of_qbench(&text);
    let error = listed(&place, &[]).unwrap_err();
    assert!(error.contains("shaped"), "{error}");
    let error = listed(&place, &["--only", "system=other"]).unwrap_err();
    assert!(error.contains("shaped"), "{error}");
    let cells = listed(&place, &["--only", "system=lut-rss,system=crypten"]).unwrap();
    assert!(cells.contains("4 cells"), "{cells}");
    // Over a link that a busy machine can hold.
    let slow = "link.lan.bandwidth=100mbit";
    let one = "system=lut-rss,seq_len=8";
    let output = place.run(&["--only", one, "--quick", "--set", slow]);
    assert!(output.status.success(), "{}", said(&output));
    for (only, words) in [
        (
            "link=lan,link=wam",
            "--only link=wam: no cell has this value",
        ),
        (
            "seq_len=8,seq_len=9",
            "--only seq_len=9: no cell has this value",
        ),
        ("system=lut-rs", "did you mean `lut-rss`?"),
    ] {
        let error = listed(&place, &["--only", only]).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

/// A plan that takes long says how long.
#[test]
fn a_long_list_shows_signs_of_life() {
    let all: Vec<String> = (1..=512).map(|n| n.to_string()).collect();
    let text = GOOD.replace("bert-tiny", "bert-base").replace(
        "[8, 16]",
        &format!(
            "[{}]\nlayers = [10, 11, 12]\nindex_bits = [4, 5, 6, 7, 8]",
            all.join(", ")
        ),
    );
    let place = Place::of_qbench(&text);
    let mut child = place
        .command(&["list", "test.toml"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    let _ = child.kill();
    child.wait().unwrap();
    // A machine that needs less than two seconds for it has nothing to say.
    assert!(
        line.is_empty() || line.contains(" of 7680 workloads after"),
        "{line}"
    );
}
