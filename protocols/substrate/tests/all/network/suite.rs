//! One suite for every network backend: order, labels, lengths, silence, death, metering.

use super::ends::{Connect, PATIENCE, PLAIN, run};
use qbench_substrate::net::{LinkShape, NetError, Network, Party};
use qbench_substrate::testing::transcript::Recorder;
use std::time::Duration;

macro_rules! suite {
    ($($backend:ident),*) => {$(
        mod $backend {
            use crate::network::ends::$backend as connect;
            suite!(@tests connect
                both_sides_may_send_64_mebibytes_first
                messages_keep_their_order_and_may_be_empty
                a_message_of_another_step_is_named
                a_message_of_another_length_is_named
                silence_ends_in_a_timeout
                a_peer_that_ends_is_gone_after_its_last_message
                sends_are_metered_and_depth_follows_the_longest_chain
                a_message_of_the_next_phase_may_come_before_the_phase
                a_party_has_no_link_to_itself
                a_recorder_keeps_what_was_received
                a_full_backlog_delays_the_sender_until_the_peer_is_gone
            );
        }
    )*};
    (@tests $connect:ident $($test:ident)*) => {$(
        #[test]
        fn $test() {
            super::$test($connect);
        }
    )*};
}

suite!(local, tcp);

fn both_sides_may_send_64_mebibytes_first(connect: Connect) {
    const BYTES: usize = 64 << 20;
    run(connect(PLAIN, PATIENCE), |end| {
        let me = end.me();
        for peer in me.others() {
            end.send(peer, "exchange", vec![me.index() as u8 + 1; BYTES])
                .unwrap();
        }
        for peer in me.others() {
            let payload = end.receive(peer, "exchange", BYTES).unwrap();
            assert!(
                payload
                    .iter()
                    .all(|&byte| usize::from(byte) == peer.index() + 1)
            );
        }
    });
}

fn messages_keep_their_order_and_may_be_empty(connect: Connect) {
    run(connect(PLAIN, PATIENCE), |end| {
        let lengths = (0..2000usize).map(|i| i % 7 * (i % 5) * 97);
        for (i, length) in lengths.clone().enumerate() {
            for peer in end.me().others() {
                end.send(peer, &format!("step{i}"), vec![i as u8; length])
                    .unwrap();
            }
        }
        for (i, length) in lengths.enumerate() {
            for peer in end.me().others() {
                let payload = end.receive(peer, &format!("step{i}"), length).unwrap();
                assert_eq!(payload, vec![i as u8; length]);
            }
        }
    });
}

fn a_message_of_another_step_is_named(connect: Connect) {
    let [mut p0, mut p1, _p2] = connect(PLAIN, PATIENCE);
    p0.send(Party::P1, "layer0/output", vec![1, 2, 3]).unwrap();
    let error = p1
        .receive(Party::P0, "layer0/softmax/max", 3)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "P0 sent 3 bytes of `layer0/output` where P1 expected 3 bytes of `layer0/softmax/max` \
         at step `layer0/softmax/max`"
    );
}

fn a_message_of_another_length_is_named(connect: Connect) {
    let [mut p0, mut p1, _p2] = connect(PLAIN, PATIENCE);
    p0.send(Party::P1, "output", vec![0; 8]).unwrap();
    match p1.receive(Party::P0, "output", 16) {
        Err(NetError::OutOfStep {
            expected, actual, ..
        }) => {
            assert_eq!(expected, "16 bytes of `output`");
            assert_eq!(actual, "8 bytes of `output`");
        }
        other => panic!("{other:?}"),
    }
}

fn silence_ends_in_a_timeout(connect: Connect) {
    let timeout = Duration::from_secs(1);
    let [mut p0, mut p1, _p2] = connect(PLAIN, timeout);
    match p0.receive(Party::P1, "wait", 1) {
        Err(NetError::Timeout {
            me: Party::P0,
            peer: Party::P1,
            step,
            waited,
        }) => {
            assert_eq!(step, "wait");
            assert!(waited >= timeout);
        }
        other => panic!("{other:?}"),
    }
    // The silence of one pair does not end the others, nor this one if it is broken after all.
    p1.send(Party::P0, "late", vec![7]).unwrap();
    assert_eq!(p0.receive(Party::P1, "late", 1).unwrap(), [7]);
}

fn a_peer_that_ends_is_gone_after_its_last_message(connect: Connect) {
    let [mut p0, mut p1, mut p2] = connect(PLAIN, PATIENCE);
    p1.send(Party::P0, "last words", vec![42; 1 << 20]).unwrap();
    drop(p1);
    assert_eq!(
        p0.receive(Party::P1, "last words", 1 << 20).unwrap(),
        vec![42; 1 << 20]
    );
    let gone = |result: Result<(), NetError>| match result {
        Err(NetError::PeerGone { peer, step, .. }) => {
            assert_eq!((peer, step.as_str()), (Party::P1, "next"));
        }
        other => panic!("{other:?}"),
    };
    gone(p0.receive(Party::P1, "next", 1).map(drop));
    gone(p0.send(Party::P1, "next", vec![1]));
    gone(p2.receive(Party::P1, "next", 1).map(drop));
    // The other two go on.
    p0.send(Party::P2, "on", vec![3]).unwrap();
    assert_eq!(p2.receive(Party::P0, "on", 1).unwrap(), [3]);
}

fn sends_are_metered_and_depth_follows_the_longest_chain(connect: Connect) {
    let meters = run(connect(PLAIN, PATIENCE), |end| {
        // P0 -> P1 -> P2 -> P0, and one message P0 -> P2 on the side.
        match end.me() {
            Party::P0 => {
                end.send(Party::P1, "chain", vec![0; 10]).unwrap();
                end.send(Party::P2, "side", vec![0; 100]).unwrap();
                end.receive(Party::P2, "chain", 30).unwrap();
            }
            Party::P1 => {
                end.receive(Party::P0, "chain", 10).unwrap();
                end.send(Party::P2, "chain", vec![0; 20]).unwrap();
            }
            Party::P2 => {
                end.receive(Party::P0, "side", 100).unwrap();
                assert_eq!(end.meter().depth, 1);
                end.receive(Party::P1, "chain", 20).unwrap();
                end.send(Party::P0, "chain", vec![0; 30]).unwrap();
            }
        }
        let meter = end.meter();
        end.restart_depth();
        assert_eq!(end.meter().depth, 0);
        assert_eq!(end.meter().sent_bytes, meter.sent_bytes);
        meter
    });
    assert_eq!(meters.map(|m| m.depth), [3, 1, 2]);
    assert_eq!(
        meters.map(|m| m.sent_bytes),
        [[0, 10, 100], [0, 0, 20], [30, 0, 0]]
    );
    assert_eq!(
        meters.map(|m| m.sent_messages),
        [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
    );
}

fn a_message_of_the_next_phase_may_come_before_the_phase(connect: Connect) {
    let [mut p0, mut p1, _p2] = connect(PLAIN, PATIENCE);
    for _ in 0..3 {
        p0.send(Party::P1, "ping", vec![]).unwrap();
        p1.receive(Party::P0, "ping", 0).unwrap();
        p1.send(Party::P0, "pong", vec![]).unwrap();
        p0.receive(Party::P1, "pong", 0).unwrap();
    }
    assert_eq!(p0.meter().depth, 6);
    p0.restart_depth();
    p0.send(Party::P1, "next phase", vec![]).unwrap();
    p1.restart_depth();
    p1.receive(Party::P0, "next phase", 0).unwrap();
    assert_eq!(p1.meter().depth, 1);
}

fn a_party_has_no_link_to_itself(connect: Connect) {
    let [mut p0, _p1, _p2] = connect(PLAIN, PATIENCE);
    for result in [
        p0.send(Party::P0, "self", vec![1]),
        p0.receive(Party::P0, "self", 1).map(drop),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("no link to itself"), "{error}");
    }
    assert_eq!(p0.meter().sent_bytes, [0; 3]);
}

fn a_recorder_keeps_what_was_received(connect: Connect) {
    let [mut p0, p1, mut p2] = connect(PLAIN, PATIENCE);
    let (mut p1, transcript) = Recorder::new(p1);
    p0.send(Party::P1, "a", vec![1]).unwrap();
    p2.send(Party::P1, "b", vec![2, 2]).unwrap();
    p1.send(Party::P0, "c", vec![3]).unwrap();
    p1.receive(Party::P2, "b", 2).unwrap();
    p1.receive(Party::P0, "a", 1).unwrap();
    let seen: Vec<_> = transcript
        .take()
        .into_iter()
        .map(|message| (message.from, message.step, message.payload))
        .collect();
    assert_eq!(
        seen,
        [
            (Party::P2, "b".to_owned(), vec![2, 2]),
            (Party::P0, "a".to_owned(), vec![1])
        ]
    );
    assert!(transcript.take().is_empty());
    assert_eq!(p1.meter().sent_bytes, [1, 0, 0]);
}

fn a_full_backlog_delays_the_sender_until_the_peer_is_gone(connect: Connect) {
    let mut links = PLAIN;
    // The fifth mebibyte waits six minutes on this link, unless the end of the peer ends the wait.
    links[0][1] = LinkShape {
        bandwidth_bits_per_second: Some(24e3),
        one_way_delay: Duration::ZERO,
    };
    let [mut p0, p1, _p2] = connect(links, PATIENCE);
    let sender = std::thread::spawn(move || {
        p0.send(Party::P1, "small", vec![0; 1 << 20]).unwrap();
        p0.send(Party::P1, "large", vec![0; 4 << 20])
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(!sender.is_finished());
    drop(p1);
    let error = sender.join().unwrap().unwrap_err();
    assert!(
        matches!(error, NetError::PeerGone { peer: Party::P1, ref step, .. } if step == "large"),
        "{error}"
    );
}
