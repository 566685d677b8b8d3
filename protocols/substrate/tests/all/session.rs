//! The session: agreement before anything else, and streams that are never handed out twice.

use qbench_substrate::Error;
use qbench_substrate::net::{Network, Party, local_trio};
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
