//! The decoder of STOMP never panics, reads the same frames however the bytes are split, and what it reads can
//! be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waldur_sdk::events::__private::{DecodeError, Decoder, Frame};

fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<DecodeError>) {
    let mut decoder = Decoder::new(4096);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|data: &[u8]| {
    // The first byte is the length of the chunks.
    let Some((&size, text)) = data.split_first() else { return };
    let at_once = decode(std::iter::once(text));
    let in_chunks = decode(text.chunks(usize::from(size).max(1)));
    assert_eq!(at_once, in_chunks);
    for frame in at_once.0 {
        // A carriage return within a line is read, but in a frame without escapes it isn't written.
        let unescaped = matches!(frame.command(), "CONNECT" | "CONNECTED");
        if unescaped && frame.headers().iter().any(|(name, value)| name.contains('\r') || value.contains('\r')) {
            assert!(frame.encode().is_err());
            continue;
        }
        let written = frame.encode().expect("what is read can be written");
        assert_eq!(decode(std::iter::once(&written[..])), (vec![frame], None));
    }
});
