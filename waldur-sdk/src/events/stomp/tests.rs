use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1024;

/// Decodes `text`, which arrives in chunks that end at `cuts`.
fn decoded_in_chunks(text: &[u8], cuts: &[usize]) -> Result<Vec<Frame>, DecodeError> {
    let mut decoder = Decoder::new(LIMIT);
    let mut frames = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([text.len()]) {
        decoder.feed(&text[from..to]);
        from = to;
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn decoded(text: &[u8]) -> Result<Vec<Frame>, DecodeError> {
    decoded_in_chunks(text, &[])
}

/// Frames as RabbitMQ sends them: some with line ends between them, one with NUL in its body.
fn conversation() -> (Vec<u8>, Vec<Frame>) {
    let frames = vec![
        Frame::new("CONNECTED").header("server", "RabbitMQ/3.10.8").header("session", "a\\c:b"),
        Frame::new("MESSAGE")
            .header("subscription", "q")
            .header("destination", "/queue/q\r\n:\\ä")
            .with_body(*b"{\"a\":\0\"\xc3\xa4\"}\n"),
        Frame::new("MESSAGE").header("empty", "").header("ack", "T_1"),
        Frame::new("RECEIPT").header("receipt-id", "r"),
    ];
    let mut text = b"\n\r\n\n".to_vec();
    for frame in &frames {
        text.extend(frame.encode().unwrap());
        text.extend_from_slice(b"\n\r\n\r\n\n");
    }
    (text, frames)
}

#[test]
fn frames_may_be_split_at_every_byte() {
    let (text, frames) = conversation();
    for cut in 0..=text.len() {
        assert_eq!(decoded_in_chunks(&text, &[cut]).unwrap(), frames, "split at {cut}");
    }
    let everywhere: Vec<usize> = (0..text.len()).collect();
    assert_eq!(decoded_in_chunks(&text, &everywhere).unwrap(), frames);
}

#[test]
fn frames_are_written_with_escapes_and_length() {
    let frame = Frame::new("SEND").header("a:b", "1\r\n\\:").with_body("ä");
    assert_eq!(frame.encode().unwrap(), b"SEND\na\\cb:1\\r\\n\\\\\\c\ncontent-length:2\n\n\xc3\xa4\0");
    let frame = Frame::new("CONNECT").header("login", "a:b\\n");
    assert_eq!(frame.encode().unwrap(), b"CONNECT\nlogin:a:b\\n\n\n\0");
}

#[test]
fn frames_that_cannot_be_written_are_refused() {
    for (name, value) in [("a", "1\n2"), ("a", "1\r2"), ("a", "\0"), ("a:b", "1"), ("a\n", "1")] {
        let problem = Frame::new("CONNECT").header(name, value).encode().unwrap_err();
        assert_eq!(problem, EncodeError::Header(name.to_owned()));
    }
    assert!(Frame::new("SEND").header("a", "\0").encode().is_err());
    assert!(Frame::new("SEND").header("a", "1\n2").encode().is_ok());
    for command in ["", "send", "A B", "A\n"] {
        assert_eq!(Frame::new(command).encode(), Err(EncodeError::Command));
    }
}

#[test]
fn lines_may_end_with_a_carriage_return() {
    let frames = decoded(b"\r\nMESSAGE\r\na:1\r\n\r\nbody\0").unwrap();
    assert_eq!(frames, [Frame::new("MESSAGE").header("a", "1").with_body("body")]);
    // One within a line belongs to it.
    let frames = decoded(b"CONNECTED\r\na:1\r2\r\n\r\n\0").unwrap();
    assert_eq!(frames, [Frame::new("CONNECTED").header("a", "1\r2")]);
    assert!(frames[0].encode().is_err());
}

#[test]
fn the_first_of_repeated_headers_counts() {
    let frames = decoded(b"MESSAGE\na:1\na:2\ncontent-length:1\ncontent-length:9\n\nx\0").unwrap();
    assert_eq!(frames, [Frame::new("MESSAGE").header("a", "1").with_body("x")]);
    assert_eq!(frames[0].get("a"), Some("1"));
}

#[test]
fn malformed_frames_are_refused() {
    for (text, expected) in [
        (&b"message\n\n\0"[..], DecodeError::Command),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", DecodeError::Command),
        (b"\0", DecodeError::EndsInHead),
        (b"MESSAGE\na:1\0", DecodeError::EndsInHead),
        (b"MESSAGE\nabc\n\n\0", DecodeError::NoColon),
        (b"MESSAGE\na:\xff\n\n\0", DecodeError::NotText),
        (b"MESSAGE\na:\\t\n\n\0", DecodeError::Escape),
        (b"MESSAGE\na:\\\n\n\0", DecodeError::Escape),
        (b"MESSAGE\ncontent-length:-1\n\n\0", DecodeError::ContentLength),
        (b"MESSAGE\ncontent-length:\n\n\0", DecodeError::ContentLength),
        (b"MESSAGE\ncontent-length:1\n\nab\0", DecodeError::NoEnd),
    ] {
        assert_eq!(decoded(text), Err(expected), "{text:?}");
        let everywhere: Vec<usize> = (0..text.len()).collect();
        assert_eq!(decoded_in_chunks(text, &everywhere), Err(expected), "{text:?} by bytes");
    }
}

#[test]
fn a_decoder_stays_failed() {
    let mut decoder = Decoder::new(LIMIT);
    decoder.feed(b"no\n");
    assert_eq!(decoder.next_frame(), Err(DecodeError::Command));
    decoder.feed(b"MESSAGE\n\n\0");
    assert_eq!(decoder.next_frame(), Err(DecodeError::Command));
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_arrives() {
    for length in ["1025", "1073741824", "99999999999999999999999999"] {
        let mut decoder = Decoder::new(LIMIT);
        decoder.feed(format!("MESSAGE\ncontent-length:{length}\n\n").as_bytes());
        assert_eq!(decoder.next_frame(), Err(DecodeError::BodyTooLong(LIMIT)));
        assert!(decoder.buffer.capacity() <= LIMIT);
    }
    let fits = Frame::new("MESSAGE").with_body(vec![7; LIMIT]);
    assert_eq!(decoded(&fits.encode().unwrap()).unwrap(), [fits]);
    let mut endless = b"MESSAGE\n\n".to_vec();
    endless.resize(LIMIT + 10, b'x');
    assert_eq!(decoded(&endless), Err(DecodeError::BodyTooLong(LIMIT)));
}

#[test]
fn headers_are_limited_in_size_and_number() {
    let many = "a:1\n".repeat(257);
    assert!(matches!(decoded(format!("MESSAGE\n{many}").as_bytes()), Err(DecodeError::TooManyHeaders(_))));
    let long = "x".repeat(70_000);
    for text in [long.to_uppercase(), format!("MESSAGE\na:{long}"), format!("MESSAGE\na:{long}\n\n\0")] {
        assert!(matches!(decoded(text.as_bytes()), Err(DecodeError::HeadTooLong(_))));
    }
    let lines = format!("a:{}\n", "x".repeat(1000)).repeat(70);
    assert!(matches!(decoded(format!("MESSAGE\n{lines}").as_bytes()), Err(DecodeError::HeadTooLong(_))));
}

#[test]
fn heartbeats_take_no_memory() {
    let mut decoder = Decoder::new(LIMIT);
    for _ in 0..100_000 {
        decoder.feed(b"\n\r\n");
        assert_eq!(decoder.next_frame(), Ok(None));
    }
    assert!(decoder.buffer.capacity() < 4096, "{}", decoder.buffer.capacity());
}

#[test]
fn values_of_headers_are_not_shown() {
    let frame = Frame::new("CONNECT").header("passcode", "geheim").with_body("geheim");
    let shown = format!("{frame:?}");
    assert!(shown.contains("passcode") && !shown.contains("geheim"), "{shown}");
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let header = ("[^\0]{0,8}", "[^\0]{0,12}");
    let frame =
        ("[A-Z]{1,10}", prop::collection::vec(header, 0..5), prop::collection::vec(any::<u8>(), 0..40));
    let frame = frame.prop_map(|(command, headers, body)| {
        let plain = Frame::is_unescaped(&command);
        headers.into_iter().fold(Frame::new(command).with_body(body), |frame, (name, value)| {
            let unusable = name == "content-length" || frame.get(&name).is_some();
            let unusable = unusable || plain && format!("{name}{value}").contains(['\r', '\n', ':']);
            if unusable { frame } else { frame.header(name, value) }
        })
    });
    prop::collection::vec(frame, 0..4)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(frames in frames(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let text: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(decoded_in_chunks(&text, &cuts).unwrap(), frames);
    }

    #[test]
    fn any_bytes_are_decoded_alike_in_one_chunk_and_in_many(
        parts in prop::collection::vec(
            prop_oneof![
                Just(b"MESSAGE\n".to_vec()),
                Just(b"content-length:3\n".to_vec()),
                Just(b"\n".to_vec()),
                Just(b"a:\\c\n".to_vec()),
                Just(b"\0".to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ],
            0..24,
        ),
    ) {
        let text = parts.concat();
        let everywhere: Vec<usize> = (0..text.len()).collect();
        let at_once = decoded(&text);
        prop_assert_eq!(&decoded_in_chunks(&text, &everywhere), &at_once);
        for frame in at_once.into_iter().flatten() {
            if Frame::is_unescaped(frame.command()) {
                // A carriage return within a line is read, but not written.
                continue;
            }
            let again = decoded(&frame.encode().unwrap()).unwrap();
            prop_assert_eq!(again, [frame]);
        }
    }
}
