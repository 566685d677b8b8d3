//! The session: agreement before anything else, and streams that are never handed out twice.

use qbench_substrate::Error;
use qbench_substrate::net::{LocalNetwork, NetError, Network, Party, local_trio};
use qbench_substrate::phase::Phase;
use qbench_substrate::ring::Ring;
use qbench_substrate::session::{Agreement, Session};
use qbench_substrate::testing::trio;
use std::collections::HashSet;
use std::time::Duration;

/// Establishes three sessions; party `slow` starts when the others have met.
fn establish(agreements: [Agreement; 3], slow: Option<usize>) -> Vec<Result<(), Error>> {
    std::thread::scope(|scope| {
        let parties: Vec<_> = local_trio(Duration::from_secs(20))
            .into_iter()
            .zip(&agreements)
            .enumerate()
            .map(|(party, (network, agreement))| {
                scope.spawn(move || {
                    if slow == Some(party) {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    Session::establish(Box::new(network) as Box<dyn Network>, agreement, 1)
                        .map(|_| ())
                })
            })
            .collect();
        parties
            .into_iter()
            .map(|party| party.join().unwrap())
            .collect()
    })
}

fn agreement(binary: &str, cell: &str) -> Agreement {
    Agreement::default()
        .with("binary", binary)
        .with("cell", cell)
}

#[test]
fn a_differing_field_is_named_at_every_party_however_late_one_comes() {
    for odd in 0..3 {
        for slow in [None, Some(0), Some(1), Some(2)] {
            let agreements = std::array::from_fn(|party| {
                agreement("abc", if party == odd { "other" } else { "same" })
            });
            for (party, result) in establish(agreements, slow).into_iter().enumerate() {
                let text = format!("P{party} with P{odd} odd, {slow:?} slow: {result:?}");
                match result {
                    Err(Error::Disagreement {
                        field,
                        me,
                        peer,
                        mine,
                        theirs,
                    }) => {
                        assert_eq!(field, "cell", "{text}");
                        assert_eq!(me, format!("P{party}"), "{text}");
                        let expected = if party == odd {
                            ("other", "same")
                        } else {
                            assert_eq!(peer, format!("P{odd}"), "{text}");
                            ("same", "other")
                        };
                        assert_eq!((mine.as_str(), theirs.as_str()), expected, "{text}");
                    }
                    _ => panic!("{text}"),
                }
            }
        }
    }
}

#[test]
fn a_missing_field_is_named() {
    let short = Agreement::default().with("binary", "abc");
    let full = agreement("abc", "same");
    for result in establish([short, full.clone(), full], None) {
        assert!(
            matches!(&result, Err(Error::Disagreement { field, .. }) if field == "cell"),
            "{result:?}"
        );
    }
}

#[test]
fn equal_agreements_connect() {
    let same = agreement("abc", "same");
    for result in establish([same.clone(), same.clone(), same], Some(1)) {
        result.unwrap();
    }
}

/// Draws from every seed of a session, twice a step, over several steps, phases and inferences.
fn draws(session: &mut Session) -> [Vec<u64>; 3] {
    let mut drawn: [Vec<u64>; 3] = Default::default();
    let mut draw = |session: &mut Session, name: &str| {
        session.enter(name);
        for _ in 0..2 {
            for peer in session.me().others() {
                let mut value = [0u64];
                let stream = session.shared_stream(peer);
                stream.fill(Ring::new(64), 0, &mut value);
                drawn[peer.index()].extend(value);
            }
            let mut value = [0u64];
            let stream = session.private_stream();
            stream.fill(Ring::new(64), 0, &mut value);
            drawn[session.me().index()].extend(value);
        }
        session.leave();
    };
    draw(session, "weights");
    // Two inferences, then a phase that is begun again without the one before it.
    for phase in [
        Phase::Offline,
        Phase::Online,
        Phase::Offline,
        Phase::Online,
        Phase::Online,
    ] {
        session.begin_phase(phase);
        for step in ["a", "b", "a"] {
            draw(session, step);
        }
    }
    drawn
}

#[test]
fn no_stream_is_drawn_twice_and_both_ends_draw_the_same() {
    let drawn = trio::run(1, |session| Ok(draws(session))).unwrap();
    for party in Party::ALL {
        for peer in party.others() {
            assert_eq!(
                drawn[party.index()][peer.index()],
                drawn[peer.index()][party.index()],
                "the seed of {party} and {peer}"
            );
        }
    }
    // 64-bit values: two that are equal come from one stream.
    let mut seen = HashSet::new();
    for (party, drawn) in drawn.iter().enumerate() {
        for (peer, values) in drawn.iter().enumerate() {
            assert_eq!(values.len(), 32);
            for value in values {
                if party <= peer {
                    assert!(seen.insert(*value), "a stream of P{party} and P{peer}");
                }
            }
        }
    }
}

/// What establishing makes of a P0 that says `claims` where an agreement is due, one message after the other.
fn claimed(claims: &[(&str, Vec<u8>)]) -> Error {
    let [mut p0, p1, _p2]: [LocalNetwork; 3] = local_trio(Duration::from_secs(20));
    for (step, payload) in claims {
        p0.send(Party::P1, step, payload.clone()).unwrap();
    }
    let network: Box<dyn Network> = Box::new(p1);
    Session::establish(network, &agreement("abc", "same"), 1)
        .map(|_| ())
        .unwrap_err()
}

#[test]
fn what_a_peer_claims_is_bounded_and_shown_on_one_line() {
    let length = |bytes: u64| ("setup/agreement/length", bytes.to_le_bytes().to_vec());
    let long = claimed(&[length(u64::MAX)]);
    assert!(matches!(long, Error::Net(NetError::Refused { .. })));
    assert!(
        long.to_string().contains("18446744073709551615 bytes"),
        "{long}"
    );

    let nonsense = b"{\n\n]".to_vec();
    let none = claimed(&[length(nonsense.len() as u64), ("setup/agreement", nonsense)]);
    assert_eq!(
        none.to_string(),
        "P0 sent 4 bytes that are no agreement, which P1 does not obey, at step `setup/agreement`"
    );

    let value = "line\n\u{1b}[31m".repeat(1000);
    let theirs = serde_json::to_vec(&agreement("abc", &value)).unwrap();
    let other = claimed(&[length(theirs.len() as u64), ("setup/agreement", theirs)]);
    let text = other.to_string();
    assert!(text.contains("P0 has `line\\n\\u{1b}[31mline"), "{text}");
    assert!(
        text.len() < 500 && !text.contains(char::is_control),
        "{text}"
    );

    let [mut p0, mut p1, _p2] = local_trio(Duration::from_secs(20));
    p0.send(Party::P1, "a\nb", vec![]).unwrap();
    let text = p1.receive(Party::P0, "c", 0).unwrap_err().to_string();
    assert!(text.starts_with("P0 sent 0 bytes of `a\\nb`"), "{text}");
}
