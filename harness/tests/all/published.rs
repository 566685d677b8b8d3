//! The committed page on the published numbers is what the binary prints.

use std::path::Path;
use std::process::Command;

#[test]
fn the_committed_page_is_what_is_computed() {
    let output = Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(["report", "--published"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PUBLISHED.md");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == String::from_utf8(output.stdout).unwrap(),
        "write it again: qbench report --published > docs/PUBLISHED.md"
    );
}

#[test]
fn a_report_is_of_a_run_or_of_what_is_published() {
    for arguments in [&["report"][..], &["report", "here", "--published"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_qbench"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
