use proptest::prelude::*;

use super::*;

/// All events of a stream that comes in these parts; a comment is `None`.
fn events(parts: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut events = Vec::new();
    let mut each = |frame: Frame<'_>| {
        events.push(match frame {
            Frame::Data(data) => Some(data.to_vec()),
            Frame::Comment => None,
        });
        Ok(())
    };
    let mut parser = Sse::default();
    for part in parts {
        parser.feed(part, &mut each).unwrap();
    }
    parser.finish(&mut each).unwrap();
    events
}

fn data(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

const STREAM: &str = "\u{feff}data: one\n\nevent: message\ndata:two\nid: 7\n\n: keep-alive\n\ndata: a\ndata: b\n\n\n\nretry: 5\n\ndata\n\ndata: [DONE]\n\n";

fn expected() -> Vec<Option<Vec<u8>>> {
    vec![
        Some(data("one")),
        Some(data("two")),
        None,
        Some(data("a\nb")),
        Some(data("[DONE]")),
    ]
}

#[test]
fn any_line_end_and_any_split() {
    for end in ["\n", "\r\n", "\r"] {
        let text = STREAM.replace('\n', end);
        for at in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(at);
            assert_eq!(events(&[a, b]), expected(), "{end:?}, split at {at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), expected(), "{end:?}, bytewise");
    }
}

#[test]
fn a_forgotten_last_line_counts() {
    assert_eq!(
        events(&[b"data: a\n\ndata: [DONE]"]),
        [Some(data("a")), Some(data("[DONE]"))]
    );
    assert_eq!(events(&[b"data: [DONE]\n"]), [Some(data("[DONE]"))]);
}

#[test]
fn only_one_space_is_eaten_and_other_fields_are_skipped() {
    assert_eq!(
        events(&[b"data:  x\n\ndatum: y\n\nDATA: z\n\n"]),
        [Some(data(" x"))]
    );
}

#[test]
fn partial_events_are_known() {
    let mut parser = Sse::default();
    let mut each = |_: Frame<'_>| Ok(());
    for (part, partial) in [
        (&b"data: a"[..], true),
        (b"\n", true),
        (b"\n", false),
        (b"event: x\n", true),
        (b"\n", false),
        (b": comment\n", false),
        (b"data: b\n\nda", true),
        (b"ta: c\r\n\r", false),
        (b"\n", false),
    ] {
        parser.feed(part, &mut each).unwrap();
        assert_eq!(
            parser.is_partial(),
            partial,
            "after {:?}",
            String::from_utf8_lossy(part)
        );
    }
}

#[test]
fn endless_events_are_refused() {
    let mut each = |_: Frame<'_>| Ok(());
    let mut parser = Sse::default();
    let part = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
    parser.feed(&part, &mut each).unwrap();
    assert!(parser.feed(&part, &mut each).is_err());
    let mut parser = Sse::default();
    let line = [b"data: ".as_slice(), &part, b"\n"].concat();
    parser.feed(&line, &mut each).unwrap();
    assert!(parser.feed(&line, &mut each).is_err());
}

proptest! {
    #[test]
    fn splits_change_nothing(text in "(data|:|event|id|: |\r|\n|\r\n|x|é|\u{feff}){0,60}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let bytes = text.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let parts: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(events(&parts), events(&[bytes]));
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        events(&[&noise]);
    }
}
