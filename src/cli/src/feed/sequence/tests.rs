use super::super::line::testing::History;
use super::*;

/// When all lines of these histories were written, plus seconds.
fn at(seconds: f64) -> Timestamp {
    let written: Timestamp = "2026-01-02T03:04:05.000000Z".parse().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
    let micros = (seconds * 1e6) as i64;
    Timestamp::from_micros(written.as_micros() + micros)
}

/// The next lines.
fn lines<const N: usize>(history: &mut History) -> [Box<FeedLine>; N] {
    std::array::from_fn(|_| history.line("a.b", "{}"))
}

/// The numbers of what can be shown now.
fn shown(sequence: &mut Sequence, now: f64) -> Vec<u64> {
    std::iter::from_fn(|| sequence.ready(at(now)))
        .map(|line| line.seq().0)
        .collect()
}

#[test]
fn the_file_is_believed_as_far_as_it_is_synced() {
    let mut sequence = Sequence::new(Seq(1));
    for line in lines::<3>(&mut History::new()) {
        sequence.take_from_file(line, at(0.0));
    }
    assert_eq!(
        shown(&mut sequence, 0.1),
        [1, 2],
        "the third line says nothing of itself"
    );
    assert!(sequence.is_waiting());
    assert_eq!(shown(&mut sequence, 0.9), [0; 0]);
    assert_eq!(
        shown(&mut sequence, 1.1),
        [3],
        "after a while it is shown all the same"
    );
    assert!(!sequence.is_waiting());
}

#[test]
fn an_old_line_does_not_wait_and_one_from_the_future_waits_no_longer_than_others() {
    let mut sequence = Sequence::new(Seq(1));
    let lines = lines::<2>(&mut History::new());
    sequence.take_from_file(lines[0].clone(), at(60.0));
    assert_eq!(shown(&mut sequence, 60.0), [1]);
    sequence.take_from_file(lines[1].clone(), at(-60.0));
    assert_eq!(shown(&mut sequence, -59.5), [0; 0]);
    assert_eq!(shown(&mut sequence, -58.9), [2]);
}

#[test]
fn both_sources_together_show_each_event_once() {
    let mut sequence = Sequence::new(Seq(1));
    let mut history = History::new();
    let lines = lines::<6>(&mut history);
    for line in &lines[..4] {
        sequence.take_from_file(line.clone(), at(0.0));
    }
    assert_eq!(shown(&mut sequence, 0.0), [1, 2, 3]);
    for known in &lines[..3] {
        assert!(matches!(sequence.take_from_bus(known.clone()), FromBus::Known));
    }
    assert!(matches!(sequence.take_from_bus(lines[3].clone()), FromBus::Next(line) if line.seq() == Seq(4)));
    assert!(!sequence.is_waiting());
    assert!(matches!(
        sequence.take_from_bus(lines[4].clone()),
        FromBus::Next(_)
    ));
    sequence.take_from_file(lines[4].clone(), at(0.0));
    sequence.take_from_file(lines[5].clone(), at(0.0));
    assert_eq!(shown(&mut sequence, 2.0), [6]);
}

#[test]
fn a_gap_of_the_bus_is_filled_from_the_file_without_waiting() {
    let mut sequence = Sequence::new(Seq(1));
    let lines = lines::<4>(&mut History::new());
    assert!(matches!(sequence.take_from_bus(lines[3].clone()), FromBus::Ahead));
    for line in lines {
        sequence.take_from_file(line, at(0.0));
    }
    assert_eq!(shown(&mut sequence, 0.0), [1, 2, 3, 4]);
}

#[test]
fn what_comes_before_the_wanted_events_is_left_out() {
    let mut sequence = Sequence::new(Seq(3));
    let lines = lines::<4>(&mut History::new());
    for line in &lines {
        sequence.take_from_file(line.clone(), at(0.0));
    }
    assert_eq!(shown(&mut sequence, 2.0), [3, 4]);
    assert_eq!(Sequence::new(Seq(0)).next(), Seq(1));
    let mut from_bus = Sequence::new(Seq(3));
    assert!(matches!(
        from_bus.take_from_bus(lines[2].clone()),
        FromBus::Next(_)
    ));
}

#[test]
fn discarded_events_are_told_if_they_were_shown() {
    let mut history = History::new();
    let kept = lines::<2>(&mut history);
    let mut fork = history.fork();
    let lost = lines::<2>(&mut history);
    let real = lines::<2>(&mut fork);
    let mut sequence = Sequence::new(Seq(1));
    for line in kept.iter().chain(&lost) {
        sequence.take_from_file(line.clone(), at(0.0));
    }
    // Event 4 was never shown, event 3 was.
    assert_eq!(shown(&mut sequence, 0.0), [1, 2, 3]);
    assert_eq!(sequence.discard(Seq(4)), None);
    assert_eq!(sequence.discard(Seq(3)), Some(Seq(3)));
    for line in real {
        sequence.take_from_file(line, at(0.0));
    }
    assert_eq!(shown(&mut sequence, 2.0), [3, 4]);
}

#[test]
fn events_that_nobody_wanted_are_not_told_when_they_are_discarded() {
    let mut sequence = Sequence::new(Seq(10));
    assert_eq!(sequence.discard(Seq(3)), None);
    assert_eq!(sequence.next(), Seq(10));
}

#[test]
fn a_bus_with_another_history_is_not_believed() {
    let mut history = History::new();
    let first = history.line("a.b", "{}");
    let mut other = history.fork();
    other.line("other.event", "{}");
    let (mine, foreign) = (history.line("a.b", "{}"), other.line("a.b", "{}"));

    // By the hash of what was shown.
    let mut sequence = Sequence::new(Seq(1));
    sequence.take_from_file(first.clone(), at(-60.0));
    sequence.take_from_file(mine.clone(), at(-60.0));
    assert_eq!(shown(&mut sequence, 60.0), [1, 2]);
    assert!(matches!(sequence.take_from_bus(foreign), FromBus::Parted));
    assert_eq!(sequence.next(), Seq(3));

    // By what waits from the file, which is not confirmed by it.
    let mut other = History::new();
    other.line("other.event", "{}");
    let mut sequence = Sequence::new(Seq(1));
    sequence.take_from_file(first, at(0.0));
    assert_eq!(shown(&mut sequence, 2.0), [1]);
    sequence.take_from_file(mine, at(5.0));
    let foreign = other.line("a.b", "{}");
    assert!(matches!(sequence.take_from_bus(foreign), FromBus::Parted));
    assert!(sequence.is_waiting());
}
