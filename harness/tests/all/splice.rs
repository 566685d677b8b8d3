//! Tables in Markdown files are what the runs say that their markers name.

use crate::fixture::{Fixture, LAN, Profile, SYSTEMS, WAN};
use crate::support::{Place, said};
use std::path::Path;
use std::process::Command;

#[test]
fn the_committed_pages_are_what_their_runs_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args([
            "splice",
            "--check",
            "README.md",
            "docs/LINKS.md",
            "docs/EXTERNAL.md",
            "docs/ACCURACY.md",
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A page with both kinds of tables of systems.
const PAGE: &str = "# Page

<!-- qbench:begin comparison runs=runs/short,runs/long base=crypten system=lut-rss -->
old
<!-- qbench:end -->

```text
<!-- qbench:begin shown runs=only -->
```

<!-- qbench:begin growth runs=runs/short system=crypten -->
<!-- qbench:end -->
The end, without a last line's end.";

fn place() -> Place {
    let place = Place::of_qbench("");
    Fixture::new(&place.path("docs/runs/short"))
        .sweep(&SYSTEMS, &[32, 8], &[LAN, WAN], 3, false)
        .write("");
    Fixture::new(&place.path("docs/runs/long"))
        .sweep(&SYSTEMS[..2], &[128], &[LAN], 1, false)
        .write("");
    std::fs::write(place.path("docs/page.md"), PAGE).unwrap();
    place
}

#[test]
fn tables_are_written_between_their_markers() {
    let place = place();
    let check = || place.output(&["splice", "docs/page.md", "--check"]);
    let page = || std::fs::read_to_string(place.path("docs/page.md")).unwrap();
    let before = check();
    assert_eq!(before.status.code(), Some(1));
    assert!(
        said(&before)
            .contains("docs/page.md: line 3: the table `comparison` is not what its runs say"),
        "{}",
        said(&before)
    );
    assert_eq!(page(), PAGE, "a check writes nothing");
    let output = place.output(&["splice", "docs/page.md"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("2 tables are what their runs say, 2 of them written again"),
        "{printed}"
    );
    let text = page();
    assert!(text.starts_with("# Page\n\n<!-- qbench:begin comparison runs=runs/short"));
    assert!(text.ends_with("<!-- qbench:end -->\nThe end, without a last line's end."));
    assert!(!text.contains("old\n"));
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with('|')).collect();
    assert_eq!(
        lines[0],
        "| tokens | link | `lut-rss` online / offline (error) | `crypten` online / offline (error) | `crypten-pypi` online / offline \
         (error) | online MB, rounds: `lut-rss` / `crypten` | online, `crypten` / `lut-rss` |"
    );
    let starts: Vec<String> = lines[2..7]
        .iter()
        .map(|line| line.split('|').take(3).collect::<String>())
        .collect();
    assert_eq!(
        starts,
        [
            " 8  LAN ",
            " 8  WAN ",
            " 32  LAN ",
            " 32  WAN ",
            " 128  LAN "
        ]
    );
    // 553 kB and 70 MB a token; both sides of a pair were slowed down alike.
    assert!(
        lines[2].contains("| 4.4, 700 / 560, 2100 |"),
        "{}",
        lines[2]
    );
    assert!(lines[2].ends_with(" 3 pairs) |"), "{}", lines[2]);
    assert!(
        lines[6].contains("| not run |") && lines[6].ends_with(" (1 pair) |"),
        "{}",
        lines[6]
    );
    assert!(
        lines[7].starts_with("| tokens | online LAN | online WAN | online MB | online rounds |")
    );
    assert_eq!(lines.len(), 7 + 4);
    let after = check();
    assert!(after.status.success(), "{}", said(&after));

    // One digit by hand, and it is found.
    std::fs::write(place.path("docs/page.md"), text.replace("| 2240", "| 2241")).unwrap();
    let output = check();
    assert_eq!(output.status.code(), Some(1));
    let error = said(&output);
    assert!(
        error.contains("the table `growth`")
            && error.contains("stands: | 32 |")
            && error.contains("should: | 32 |"),
        "{error}"
    );
}

/// A system that was measured at two settings has a column and a ratio for each.
#[test]
fn settings_of_one_system_are_columns_beside_each_other() {
    let place = Place::of_qbench("");
    let [own, crypten, _] = SYSTEMS;
    let with = |columns| Profile { columns, ..crypten };
    let systems = [
        own,
        with(&[
            ("weight_masks", "fresh"),
            ("activation", "gelu"),
            ("float_error", "0.01"),
        ]),
        with(&[
            ("weight_masks", "reused"),
            ("activation", "gelu"),
            ("float_error", "0.02"),
            ("wrapped_values", "3"),
        ]),
    ];
    Fixture::new(&place.path("runs/both"))
        .sweep(&systems, &[8], &[LAN], 2, false)
        .write("");
    let marker = "<!-- qbench:begin comparison runs=runs/both base=crypten system=lut-rss -->";
    let page = format!("{marker}\n<!-- qbench:end -->\n");
    std::fs::write(place.path("page.md"), page).unwrap();
    let output = place.output(&["splice", "page.md"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(place.path("page.md")).unwrap();
    for part in [
        "| `crypten`, weight masks fresh online / offline (error) | `crypten`, weight masks reused online / offline (error) |",
        "| online, `crypten`, weight masks fresh / `lut-rss` | online, `crypten`, weight masks reused / `lut-rss` |",
        " (0.010) |",
        " (0.020, 3 w) |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Several systems to compare with have a ratio each.
#[test]
fn several_bases_have_a_ratio_each() {
    let place = Place::of_qbench("");
    Fixture::new(&place.path("runs/all"))
        .sweep(&SYSTEMS, &[8], &[LAN], 2, false)
        .write("");
    let marker =
        "<!-- qbench:begin comparison runs=runs/all base=crypten,crypten-pypi system=lut-rss -->";
    std::fs::write(
        place.path("page.md"),
        format!("{marker}\n<!-- qbench:end -->\n"),
    )
    .unwrap();
    let output = place.output(&["splice", "page.md"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(place.path("page.md")).unwrap();
    for part in [
        "| online MB, rounds: `lut-rss` / `crypten` / `crypten-pypi` |",
        "| online, `crypten` / `lut-rss` | online, `crypten-pypi` / `lut-rss` |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn markers_that_make_no_table_say_why() {
    let place = place();
    let end = "<!-- qbench:end -->\n";
    for (marker, part) in [
        (
            "<!-- qbench:begin comparsion runs=runs/short -->",
            "line 1: no kind of table is called `comparsion`; did you mean `comparison`?",
        ),
        (
            "<!-- qbench:begin comparison runs=runs/short base=crypten -->",
            "its marker has no `system=..`",
        ),
        (
            "<!-- qbench:begin comparison runs=runs/short base=cryptn system=lut-rss -->",
            "no row is of `cryptn`",
        ),
        (
            "<!-- qbench:begin comparison runs=runs/short,runs/short base=crypten system=lut-rss -->",
            "was measured twice",
        ),
        (
            "<!-- qbench:begin growth runs=nowhere -->",
            "nowhere is no run",
        ),
        (
            "<!-- qbench:begin growth runs=runs/short -->",
            "rows differ in system, lut-rss and crypten: choose with system=..",
        ),
        (
            "<!-- qbench:begin growth runs=runs/short sytem=lut-rss -->",
            "unknown parameter `sytem`; did you mean `system`?",
        ),
        (
            "<!-- qbench:begin growth runs=runs/short system=lut-rss index_bits=5 -->",
            "no row is of these parameters",
        ),
        (
            "<!-- qbench:begin growth runs=runs/short lut-rss -->",
            "`lut-rss` is no parameter",
        ),
        ("<!-- qbench:start growth -->", "is no marker"),
        ("<!-- qbench:end -->", "ends a table that no marker begins"),
        (
            "<!-- qbench:begin growth -->\n<!-- qbench:begin growth -->",
            "line 2: begins a table inside that of line 1",
        ),
        ("text", "has no table between markers"),
    ] {
        let text = match marker {
            "text" => "text\n".to_owned(),
            _ => format!("{marker}\n{end}"),
        };
        std::fs::write(place.path("docs/page.md"), text).unwrap();
        let output = place.output(&["splice", "docs/page.md"]);
        assert_eq!(output.status.code(), Some(1), "{marker}");
        assert!(
            said(&output).contains(part) && said(&output).contains("docs/page.md"),
            "{}",
            said(&output)
        );
    }
    std::fs::write(place.path("docs/page.md"), "<!-- qbench:begin growth -->\n").unwrap();
    let output = place.output(&["splice", "docs/page.md"]);
    assert!(
        said(&output).contains("begins a table that no marker ends"),
        "{}",
        said(&output)
    );
}

/// A line for each claim, length and link, with the paired ratio; claims of systems that were not run are left out.
#[test]
fn headline_factors_stand_beside_what_was_measured() {
    let place = Place::of_qbench("");
    Fixture::new(&place.path("run"))
        .sweep(&SYSTEMS, &[8, 32], &[LAN, WAN], 3, false)
        .write("");
    let page = "<!-- qbench:begin headline runs=run -->\n<!-- qbench:end -->\n";
    std::fs::write(place.path("page.md"), page).unwrap();
    let output = place.output(&["splice", "page.md"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(place.path("page.md")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("x | `")).collect();
    assert_eq!(lines.len(), 4, "{text}");
    for line in lines {
        assert!(
            line.starts_with("| 22x | `crypten` | Table 2: online, LAN"),
            "{line}"
        );
        assert!(line.contains(" to "), "{line}");
    }
}
