//! One direction of a link: the model of a shaped link, for frames, with a queue that ends somewhere.

use super::messages::{Route, RouteStatistics};
use std::collections::VecDeque;

/// A frame on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What goes out again, as it came in.
    pub bytes: Vec<u8>,
    /// When its last bit has left the queue.
    leaves_ns: u64,
    /// When it is to be handed over.
    pub due_ns: u64,
}

/// A direction's queue and line.
pub struct Line {
    nanoseconds_per_byte: f64,
    one_way_ns: u64,
    queue_bytes: u64,
    /// When everything taken so far has left the queue; fractions matter at many small frames.
    free_ns: f64,
    frames: VecDeque<Frame>,
    /// Frames at the front that have left the queue and fly.
    flying: usize,
    waiting_bytes: u64,
    /// What passed.
    pub statistics: RouteStatistics,
    spare: Vec<Vec<u8>>,
}

impl Line {
    /// An idle line.
    pub fn new(route: &Route) -> Self {
        Self {
            nanoseconds_per_byte: route.bits_per_second.map_or(0.0, |rate| 8e9 / rate as f64),
            one_way_ns: route.one_way_ns,
            queue_bytes: route.queue_bytes,
            free_ns: 0.0,
            frames: VecDeque::new(),
            flying: 0,
            waiting_bytes: 0,
            statistics: RouteStatistics::default(),
            spare: Vec::new(),
        }
    }

    /// Takes a frame that arrived at `at_ns` and counts as `length` bytes on the line; false if the queue
    /// was full. A frame that finds the queue empty always fits.
    pub fn take(&mut self, bytes: &[u8], length: u64, at_ns: u64) -> bool {
        while let Some(frame) = self
            .frames
            .get(self.flying)
            .filter(|f| f.leaves_ns <= at_ns)
        {
            self.waiting_bytes -= frame.bytes.len() as u64;
            self.flying += 1;
        }
        if self.waiting_bytes > 0 && self.waiting_bytes + length > self.queue_bytes {
            self.statistics.dropped_frames += 1;
            return false;
        }
        self.free_ns = self.free_ns.max(at_ns as f64) + length as f64 * self.nanoseconds_per_byte;
        let leaves_ns = self.free_ns.ceil() as u64;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.waiting_bytes += buffer.len() as u64;
        self.statistics.queue_peak_bytes = self.statistics.queue_peak_bytes.max(self.waiting_bytes);
        self.frames.push_back(Frame {
            bytes: buffer,
            leaves_ns,
            due_ns: leaves_ns.saturating_add(self.one_way_ns),
        });
        true
    }

    /// When the next frame is due.
    pub fn due_ns(&self) -> Option<u64> {
        self.frames.front().map(|frame| frame.due_ns)
    }

    /// Hands over the next frame if it is due.
    pub fn give(&mut self, now_ns: u64) -> Option<Frame> {
        if self.due_ns()? > now_ns {
            return None;
        }
        let frame = self.frames.pop_front()?;
        match self.flying.checked_sub(1) {
            Some(left) => self.flying = left,
            None => self.waiting_bytes -= frame.bytes.len() as u64,
        }
        let late_ns = now_ns - frame.due_ns;
        self.statistics.frames += 1;
        self.statistics.bytes += frame.bytes.len() as u64;
        self.statistics.late_sum_ns += late_ns;
        self.statistics.late_max_ns = self.statistics.late_max_ns.max(late_ns);
        Some(frame)
    }

    /// Takes back a buffer for the next frame.
    pub fn recycle(&mut self, frame: Frame) {
        self.spare.push(frame.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 Mbit/s: a microsecond a byte; half a millisecond one way.
    fn line(queue_bytes: u64) -> Line {
        Line::new(&Route {
            from: "a".into(),
            to: "b".into(),
            bits_per_second: Some(8_000_000),
            one_way_ns: 500_000,
            queue_bytes,
        })
    }

    #[test]
    fn frames_leave_one_after_the_other_and_arrive_a_delay_later() {
        let mut line = line(10_000);
        assert!(line.take(&[1; 1000], 1000, 10_000));
        assert!(line.take(&[2; 500], 500, 20_000));
        assert_eq!(line.due_ns(), Some(10_000 + 1_000_000 + 500_000));
        assert!(line.give(1_509_999).is_none());
        assert_eq!(line.give(1_510_000).unwrap().bytes, [1; 1000]);
        assert_eq!(line.due_ns(), Some(2_010_000));
        assert_eq!(line.give(2_015_000).unwrap().bytes, [2; 500]);
        assert_eq!(line.due_ns(), None);
        assert_eq!(line.statistics.late_max_ns, 5_000);
        // Idle time is not saved up.
        assert!(line.take(&[3; 1000], 1000, 9_000_000));
        assert_eq!(line.due_ns(), Some(10_500_000));
    }

    #[test]
    fn a_full_queue_drops_and_what_flies_does_not_count() {
        let mut line = line(1_500);
        assert!(line.take(&[0; 1000], 1000, 0));
        assert!(!line.take(&[0; 1000], 1000, 0));
        assert_eq!(line.statistics.dropped_frames, 1);
        assert!(line.take(&[0; 500], 500, 0));
        // The first has left, and flies.
        assert!(line.take(&[0; 1000], 1000, 1_000_000));
        assert_eq!(line.statistics.queue_peak_bytes, 1500);
        for _ in 0..3 {
            assert!(line.give(1_000_000_000).is_some());
        }
        assert_eq!(line.waiting_bytes, 0);
        assert_eq!(line.flying, 0);
    }

    #[test]
    fn a_frame_longer_than_the_queue_still_passes_an_empty_one() {
        let mut line = line(100);
        assert!(line.take(&[0; 1000], 1000, 0));
        assert!(!line.take(&[0; 10], 10, 0));
    }
}
