//! The examples of systems of one's own run as real processes, exact and with the cost that they declare.

use crate::support::{Place, example, said, scenario};

fn runs(name: &str, system: &str, verified: &str) {
    let place = Place::of(
        &example(name),
        &scenario(system, "").replace("2ms", "0.2ms"),
    );
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["declared_equals_counted"], "true");
    assert!(rows[0]["verified"].contains(verified), "{rows:?}");
    assert_ne!(rows[0]["material_bytes_p2"], "0", "something is dealt");
}

#[test]
fn the_smallest_system() {
    runs("own_system", "own", "equal to the count");
}

#[test]
fn a_system_with_a_dealer() {
    runs(
        "dealer_system",
        "dealer",
        "float model with the system's approximations",
    );
}
