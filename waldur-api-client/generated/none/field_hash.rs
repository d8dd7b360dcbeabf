/// Returns a byte for the name of a field: of its length and three of its letters, which tell most names of a
/// model apart. The generator writes a table of these bytes for each model, and the client looks names up in
/// it.
pub(crate) const fn field_hash(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let length = bytes.len();
    if length == 0 {
        return 0;
    }
    (length as u8)
        .wrapping_mul(37)
        .wrapping_add(bytes[0].wrapping_mul(3))
        .wrapping_add(bytes[length / 2].wrapping_mul(7))
        .wrapping_add(bytes[length - 1].wrapping_mul(11))
}
