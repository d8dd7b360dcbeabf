//! The decoder reads whatever a server sends: it never panics, and what it holds it can write and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waldur_api_client::exchanges::MODELS;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the model.
    let Some((&first, body)) = data.split_first() else { return };
    let model = &MODELS[usize::from(first) % MODELS.len()];
    for read in [model.read, model.read_page] {
        if let Ok(reading) = read(body) {
            let written = reading.value.to_string();
            let again = read(written.as_bytes()).expect("what a model writes, it reads");
            assert!(again.mismatches.is_empty() && again.unknown.is_empty(), "{written}");
            assert_eq!(again.value, reading.value);
        }
    }
});
